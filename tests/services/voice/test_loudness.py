import numpy as np
import pytest

from services.voice import loudness
from tests.services.voice.levels import tone


@pytest.mark.parametrize("level", [-60.0, -30.0, -6.0])
def test_rms_in_dbfs(level: float) -> None:
    assert loudness.dbfs(loudness.rms(tone(level))) == pytest.approx(level, abs=0.3)


def test_digital_silence() -> None:
    assert loudness.is_dead(np.zeros(640, np.int16))
    assert not loudness.is_dead(tone(-80))


def test_one_sample_at_full_scale_is_no_clipping() -> None:
    peak = tone(-20)
    peak[100] = 32767
    assert not loudness.is_clipped(peak)
    peak[100:103] = 32767
    assert loudness.is_clipped(peak)
