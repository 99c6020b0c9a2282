import numpy as np
import pytest

from services.voice.highpass import HighPass
from training.voice.sound import Samples

SECOND = np.arange(16_000) / 16_000


def tone(hz: float) -> Samples:
    return np.asarray(10_000 * np.sin(2 * np.pi * hz * SECOND), np.int16)


def gain_db(hz: float) -> float:
    filtered = HighPass().push(tone(hz))[4000:].astype(float)
    return float(10 * np.log10(np.mean(filtered**2) / np.mean(tone(hz)[4000:].astype(float) ** 2)))


@pytest.mark.parametrize(("hz", "low", "high"), [(10, -99, -30), (30, -20, -14), (80, -3.5, -2.5)])
def test_rumble_goes(hz: float, low: float, high: float) -> None:
    assert low <= gain_db(hz) <= high


@pytest.mark.parametrize("hz", [160, 500, 3000, 7000])
def test_voices_stay(hz: float) -> None:
    assert gain_db(hz) == pytest.approx(0, abs=0.5)


def test_the_cut_into_chunks_does_not_matter() -> None:
    samples = np.random.default_rng(6).integers(-9000, 9000, 5000).astype(np.int16)
    stream = HighPass()
    parts = [stream.push(part) for part in np.split(samples, [0, 1, 640, 700, 3000])]
    assert np.array_equal(np.concatenate(parts), HighPass().push(samples))
