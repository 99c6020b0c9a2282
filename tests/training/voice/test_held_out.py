"""What held-out networks heard is kept in parts, by what the recording is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from training.voice import held_out
from training.voice.held_out import Held


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(held_out, "FILE", tmp_path / "held_out.json")
    held_out._known.cache_clear()
    yield
    held_out._known.cache_clear()


def test_one_part_leaves_the_other(tmp_path: Path) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"sound")
    name = held_out.fingerprint(recording)
    assert held_out.of(recording) is None
    held_out.write({name: Held(filled_pauses=[(1.0, 1.5)])}, "filled_pauses")
    held_out.write({name: Held(words=[("so", 0.5)])}, "words")
    assert held_out.of(recording) == Held(filled_pauses=[(1.0, 1.5)], words=[("so", 0.5)])


def test_another_recording_under_the_same_name_is_not_known(tmp_path: Path) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"sound")
    held_out.write({held_out.fingerprint(recording): Held(words=[])}, "words")
    recording.write_bytes(b"other sound")
    assert held_out.of(recording) is None
