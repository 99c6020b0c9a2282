import numpy as np
import pytest

from services.voice import loudness
from services.voice.breaths import Breaths
from services.voice.vad import FRAME, VadFrame
from training.voice.sound import Samples

RANDOM = np.random.default_rng(8)


def noise(seconds: float, level: float, low_hz: float = 300, high_hz: float = 6200) -> Samples:
    """Noise of a band, as breath is; level is its RMS."""
    count = int(seconds * 16_000)
    spectrum = np.fft.rfft(RANDOM.normal(0, 1, count))
    frequencies = np.fft.rfftfreq(count, 1 / 16_000)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(wave / wave.std() * level, np.int16)


def swell(sound: Samples) -> Samples:
    return np.asarray(sound * np.hanning(len(sound)) * 1.6, np.int16)


def breaths(*parts: Samples, speech: bool = False) -> list[tuple[float, float]]:
    """What is found in parts with a second of quiet around them, in seconds."""
    quiet = [noise(1.0, 8, 50, 7000) for _ in range(2)]
    sound = np.concatenate([quiet[0], *parts, quiet[1]])
    found = []
    detector = Breaths()
    for start in range(0, len(sound) - FRAME, FRAME):
        part = sound[start : start + FRAME]
        level = loudness.dbfs(loudness.rms(part))
        frame = VadFrame(start, 0.9 if speech else 0.02, speech, speech, level)
        found += detector.push(part, [frame])
    return [(item.start / 16_000, item.end / 16_000) for item in found]


def test_a_breath_is_found_where_it_is() -> None:
    ((start, end),) = breaths(swell(noise(0.6, 300)))
    assert start == pytest.approx(1.1, abs=0.1)
    assert end == pytest.approx(1.5, abs=0.1)


def test_speech_is_no_breath() -> None:
    assert breaths(swell(noise(0.6, 300)), speech=True) == []


def hum(seconds: float) -> Samples:
    time = np.arange(int(seconds * 16_000)) / 16_000
    return np.asarray(1000 * np.sign(np.sin(2 * np.pi * 140 * time)), np.int16)


@pytest.mark.parametrize(
    "sound",
    [
        swell(noise(0.1, 300)),  # too short
        noise(3.0, 300),  # too long
        swell(noise(0.6, 10)),  # hardly above the room
        swell(noise(0.6, 300, 4500, 7000)),  # an s
        swell(noise(0.6, 300, 50, 250)),  # rumble
        hum(0.6),  # a tone
        np.zeros(9600, np.int16),
    ],
)
def test_other_sounds_are_no_breath(sound: Samples) -> None:
    assert breaths(sound) == []
