"""The same words by another voice, in another room, through another microphone."""

import random as global_random
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import soxr
from audiomentations import (
    AddColorNoise,
    Compose,
    LowPassFilter,
    SevenBandParametricEQ,
    TanhDistortion,
)
from scipy.signal import fftconvolve

from services.runtime.media import SAMPLE_RATE
from training.voice.synthesis import Clip, Spoken

SPEED = (0.8, 1.25)
"""Played slower or faster: pitch and vocal tract change as between large and small people."""
LEVEL_DBFS = (-38.0, -18.0)
REVERBERATION_SECONDS = (0.1, 0.6)
ROOM_SHARE = 0.4
MARGIN_SECONDS = (0.1, 0.8)

MICROPHONE = Compose(
    [
        SevenBandParametricEQ(min_gain_db=-9.0, max_gain_db=9.0, p=0.5),
        LowPassFilter(min_cutoff_freq=3400.0, max_cutoff_freq=6000.0, p=0.3),
        TanhDistortion(min_distortion=0.01, max_distortion=0.2, p=0.1),
        AddColorNoise(min_snr_db=5.0, max_snr_db=45.0, min_f_decay=-6.0, max_f_decay=0.0, p=1.0),
    ]
)
"""Colour, band and distortion of poor microphones and lines, and the room's noise."""

Wave = npt.NDArray[np.float32]


def vary(clip: Clip, random: np.random.Generator) -> Clip:
    """One random variation; its words move along."""
    speed = float(random.uniform(*SPEED))
    wave: Wave = np.asarray(clip.samples / 32768, np.float32)
    wave = soxr.resample(wave, SAMPLE_RATE * speed, SAMPLE_RATE)
    before, after = (int(random.uniform(*MARGIN_SECONDS) * SAMPLE_RATE) for _ in range(2))
    wave = np.asarray(np.pad(wave, (before, after)), np.float32)
    if random.random() < ROOM_SHARE:
        wave = _room(wave, random)
    # audiomentations draws from the global generators.
    global_random.seed(int(random.integers(2**31)))
    np.random.seed(int(random.integers(2**31)))
    wave = MICROPHONE(_level(wave, float(random.uniform(*LEVEL_DBFS))), SAMPLE_RATE)
    samples = np.clip(wave * 32768, -32768, 32767).astype(np.int16)
    spoken = [
        Spoken(
            item.text,
            round(item.start / speed) + before,
            round(item.end / speed) + before,
            item.filler,
        )
        for item in clip.spoken
    ]
    return replace(clip, samples=samples, spoken=spoken)


def _level(wave: Wave, dbfs: float) -> Wave:
    loud = np.sqrt(np.mean(wave**2)) + 1e-9
    return np.asarray(wave * (10 ** (dbfs / 20) / loud), np.float32)


def _room(wave: Wave, random: np.random.Generator) -> Wave:
    """Reverberation as exponentially falling noise behind the direct sound (Polack 1988)."""
    seconds = float(random.uniform(*REVERBERATION_SECONDS))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.normal(0, 1, len(time)) * 10 ** (-3 * time / seconds)
    tail *= float(random.uniform(0.1, 0.6)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(wave, tail)[: len(wave)], np.float32)
