"""Media as the analyzers see it: typed values in place of raw bytes.

Times are capture times in Unix microseconds throughout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

SAMPLE_RATE = 16_000
"""Hz. What every speech model here was trained on."""

CHUNK_SAMPLES = 640
"""Samples in one audio chunk: 40 ms, two 20 ms Opus frames."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One analysed picture."""

    image: npt.NDArray[np.uint8]
    """[height, width, 3] RGB, upright."""
    capture_us: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Pcm:
    """A stretch of mono sound at SAMPLE_RATE."""

    samples: npt.NDArray[np.int16]
    """[n]"""
    capture_us: int
    """Of the first sample."""
    sequence: int
    concealed: int = 0
    """How many of the samples were lost on the way and concealed."""

    @property
    def end_us(self) -> int:
        return self.capture_us + len(self.samples) * MICROSECONDS // SAMPLE_RATE
