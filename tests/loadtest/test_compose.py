"""The composed recording: a face that moves and speech, of the same length."""

import sys
from pathlib import Path

import pytest

from loadtest.compose import composed
from loadtest.recording import RecordingError, load
from services.runtime import models


@pytest.mark.timeout(120)
def test_it_has_picture_and_sound(tmp_path: Path) -> None:
    path = composed(tmp_path)
    made = load(path, tmp_path)
    assert made.duration_s > 10
    assert made.video[-1].time_s == pytest.approx(made.audio[-1].time_s, abs=0.1)
    before = path.stat().st_mtime_ns
    assert composed(tmp_path) == path
    assert path.stat().st_mtime_ns == before, "made once"


def test_without_its_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SERVICES", tmp_path)
    models.path.cache_clear()
    (tmp_path / "voice/models").mkdir(parents=True)
    entry = '[speech_two_cities]\nfile = "none.wav"\nsha256 = ""\nlicence = "MIT"\n'
    (tmp_path / "voice/models/manifest.toml").write_text(entry)
    with pytest.raises(RecordingError, match="make setup"):
        composed(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_the_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in a package of the development extra."""
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(RecordingError, match="pip install scikit-image"):
        composed(tmp_path)
