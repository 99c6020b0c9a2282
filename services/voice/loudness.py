"""How loud samples are, in dBFS; whether they are clipped, or of a dead microphone."""

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32768.0
SILENCE_DBFS = -96.3
"""What 16 bits can't go below; digital silence is told as this level."""

DEAD_PEAK = 2
"""A muted or dead microphone gives zeros, or a bit of dither; Opus makes up to 2 of it."""

CLIP_PEAK = 32_700
CLIP_RUN = 3
"""Samples in a row at full scale that make a clipped peak; one alone may be a true peak."""


def dbfs(rms: float) -> float:
    """RMS of samples in -1..1 to decibels of full scale."""
    return max(20.0 * float(np.log10(max(rms, 1e-10))), SILENCE_DBFS)


def rms(samples: npt.NDArray[np.int16]) -> float:
    """Root mean square, 0..1."""
    if not len(samples):
        return 0.0
    scaled = samples.astype(np.float32) / FULL_SCALE
    return float(np.sqrt(np.mean(scaled * scaled)))


def is_dead(samples: npt.NDArray[np.int16]) -> bool:
    """True for digital silence."""
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= DEAD_PEAK


def is_clipped(samples: npt.NDArray[np.int16]) -> bool:
    at_limit = np.abs(samples.astype(np.int32)) >= CLIP_PEAK
    if at_limit.sum() < CLIP_RUN:
        return False
    runs = np.convolve(at_limit, np.ones(CLIP_RUN, np.int32), "valid")
    return bool((runs >= CLIP_RUN).any())


class Levels:
    """The newest levels, and what is low or high among them.

    Much quicker than numpy's percentile, which would cost 1% of a core here.
    """

    def __init__(self, size: int) -> None:
        self._ring = np.zeros(size)
        self._seen = 0

    def push(self, level: float) -> None:
        self._ring[self._seen % len(self._ring)] = level
        self._seen += 1

    def __len__(self) -> int:
        return min(self._seen, len(self._ring))

    def quantile(self, share: float) -> float:
        """The level that this share of the levels is below; there must be one at least."""
        ordered = np.sort(self._ring[: len(self)])
        return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])
