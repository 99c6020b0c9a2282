import numpy as np
import pytest

from services.voice import loudness
from services.voice.loudness import LevelMeter
from training.voice.sound import Samples

CHUNK = 640


def tone(dbfs: float) -> Samples:
    """A sine whose RMS is ``dbfs``."""
    peak = 10 ** (dbfs / 20) * np.sqrt(2) * 32768
    wave = peak * np.sin(2 * np.pi * 200 * np.arange(CHUNK) / 16_000)
    return np.asarray(np.clip(wave, -32768, 32767), np.int16)


def told(speech_dbfs: float, noise_dbfs: float, chunks: int = 100) -> set[str]:
    meter = LevelMeter()
    found = []
    for _ in range(20):
        found += meter.push(tone(noise_dbfs), tone(noise_dbfs), voice=False, quiet=True)
    for _ in range(chunks):
        found += meter.push(tone(speech_dbfs), tone(speech_dbfs), voice=True, quiet=False)
    assert len({warning.detail for warning in found}) == len(found), "told more than once"
    return {warning.detail for warning in found}


@pytest.mark.parametrize("level", [-60.0, -30.0, -6.0])
def test_rms_in_dbfs(level: float) -> None:
    assert loudness.dbfs(loudness.rms(tone(level))) == pytest.approx(level, abs=0.3)


def test_levels_are_told() -> None:
    assert told(-25, -60) == set()
    assert told(-50, -80) == {"too_quiet"}
    assert told(-25, -28) == {"noisy"}
    assert told(3, -60) == {"clipping"}


def test_nothing_is_told_before_three_seconds_of_voice() -> None:
    assert told(-50, -80, chunks=70) == set()


def test_a_warning_comes_again_after_half_a_minute() -> None:
    meter = LevelMeter()
    warnings = [
        w for _ in range(1000) for w in meter.push(tone(-50), tone(-50), voice=True, quiet=False)
    ]
    assert [warning.detail for warning in warnings] == ["too_quiet", "too_quiet"]


def test_the_floor_is_unknown_until_half_a_second_without_speech() -> None:
    meter = LevelMeter()
    for _ in range(11):
        meter.push(tone(-60), tone(-60), voice=False, quiet=True)
    assert meter.noise_dbfs is None
    meter.push(tone(-60), tone(-60), voice=False, quiet=True)
    assert meter.noise_dbfs == pytest.approx(-60, abs=0.3)


def test_a_dead_microphone_is_no_noise_floor() -> None:
    meter = LevelMeter()
    silence = np.zeros(CHUNK, np.int16)
    assert loudness.is_dead(silence)
    for _ in range(50):
        meter.push(silence, silence, voice=False, quiet=True)
    assert meter.noise_dbfs is None
    assert not loudness.is_dead(tone(-80))


def test_one_sample_at_full_scale_is_no_clipping() -> None:
    peak = tone(-20)
    peak[100] = 32767
    assert not loudness.is_clipped(peak)
    peak[100:103] = 32767
    assert loudness.is_clipped(peak)
