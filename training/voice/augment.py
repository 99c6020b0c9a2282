"""The same words by another voice, in another room, through another microphone."""

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import fftconvolve

from services.runtime.media import SAMPLE_RATE
from training.voice.synthesis import Clip, Spoken

SPEED = (0.8, 1.25)
"""Played slower or faster: pitch and vocal tract change as between large and small people."""
LEVEL_DBFS = (-38.0, -18.0)
SNR_DB = (5.0, 45.0)
REVERBERATION_SECONDS = (0.1, 0.6)
ROOM_SHARE = 0.4
NARROW_SHARE = 0.3
NARROW_HZ = (7000, 12_000)
"""Sampling rates of poor microphones and lines."""
MARGIN_SECONDS = (0.1, 0.8)

Wave = npt.NDArray[np.float32]


def vary(clip: Clip, random: np.random.Generator) -> Clip:
    """One random variation; its words move along."""
    speed = float(random.uniform(*SPEED))
    wave = clip.samples.astype(np.float32)
    wave = np.asarray(soxr.resample(wave, SAMPLE_RATE * speed, SAMPLE_RATE), np.float32)
    before, after = (int(random.uniform(*MARGIN_SECONDS) * SAMPLE_RATE) for _ in range(2))
    wave = np.pad(wave, (before, after))
    if random.random() < ROOM_SHARE:
        wave = _room(wave, random)
    if random.random() < NARROW_SHARE:
        rate = float(random.uniform(*NARROW_HZ))
        narrow = soxr.resample(soxr.resample(wave, SAMPLE_RATE, rate), rate, SAMPLE_RATE)
        wave = np.asarray(narrow, np.float32)
    wave = _level(wave, float(random.uniform(*LEVEL_DBFS)))
    wave = wave + _noise(len(wave), random) * np.sqrt(np.mean(wave**2)) * 10 ** (
        -float(random.uniform(*SNR_DB)) / 20
    )
    samples = np.clip(wave, -32768, 32767).astype(np.int16)
    spoken = [
        Spoken(
            item.text,
            round(item.start / speed) + before,
            round(item.end / speed) + before,
            item.filler,
        )
        for item in clip.spoken
    ]
    return Clip(clip.name, samples, clip.text, spoken)


def _level(wave: Wave, dbfs: float) -> Wave:
    loud = np.sqrt(np.mean(wave**2)) + 1e-6
    return np.asarray(wave * (32768 * 10 ** (dbfs / 20) / loud), np.float32)


def _noise(count: int, random: np.random.Generator) -> Wave:
    """Noise of unit power whose spectrum falls by 0 to 6 dB an octave."""
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    slope = float(random.uniform(0.0, 1.0))
    shaped = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** slope, count)
    return np.asarray(shaped / np.sqrt(np.mean(shaped**2)), np.float32)


def _room(wave: Wave, random: np.random.Generator) -> Wave:
    """Reverberation as exponentially falling noise behind the direct sound (Polack 1988)."""
    seconds = float(random.uniform(*REVERBERATION_SECONDS))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.normal(0, 1, len(time)) * 10 ** (-3 * time / seconds)
    tail *= float(random.uniform(0.1, 0.6)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(wave, tail)[: len(wave)], np.float32)
