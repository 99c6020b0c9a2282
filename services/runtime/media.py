"""Media as the analyzers see it: typed values in place of raw bytes.

Times are capture times in Unix microseconds throughout.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

Floats = npt.NDArray[np.floating[Any]]

SAMPLE_RATE = 16_000
"""Hz. What every speech model here was trained on."""

CHUNK_SAMPLES = 1_280
"""Samples in one audio chunk: 80 ms, four 20 ms Opus frames. Each chunk wakes up the gateway, the
bus and the voice's worker, and a wake-up costs as much as 40 ms of sound (docs/performance.md)."""

MICROSECONDS = 1_000_000

MAX_AGE_US = 500_000
"""Nothing older than this is published or analysed: it would nudge about what is long past. Of
sound its end counts: its beginning waited for the rest of its chunk."""

SAMPLE_BYTES = 2

Image = npt.NDArray[np.uint8]
"""[height, width, 3] RGB, upright."""


@dataclass(frozen=True)
class Frame:
    """One picture, decoded when it is first looked at: analyzers pass frames over."""

    source: Image | Callable[[], Image]
    """The picture, or what decodes it."""
    capture_us: int
    sequence: int

    @cached_property
    def image(self) -> Image:
        """Raises what the decoding raises."""
        return self.source() if callable(self.source) else self.source


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


def newest_us(message: VideoFrame | AudioChunk) -> int:
    """Capture time of the last that a message holds: of sound, where it ends."""
    capture_us = message.header.capture_time_us
    if isinstance(message, VideoFrame):
        return capture_us
    return capture_us + len(message.pcm) // SAMPLE_BYTES * MICROSECONDS // SAMPLE_RATE
