"""Capture time of every sample of a stream that has gaps."""

from bisect import bisect_right
from collections import deque

import numpy as np
import numpy.typing as npt

from services.runtime.media import MICROSECONDS, SAMPLE_RATE, Pcm

TOLERANCE_US = 30_000
"""Jitter of capture times that is no gap: less than one 40 ms chunk."""

MAX_FILL = SAMPLE_RATE
"""A gap is filled with silence up to 1 s, long enough for every run, pause and utterance to
end by itself; what is longer is not heard, and nothing is said of it."""

ANCHORS = 1024
"""Chunks whose times are remembered: 40 s, longer than any utterance and its transcription."""


class StreamClock:
    """Lays chunks end to end. Holds one stream's state."""

    def __init__(self) -> None:
        self.samples = 0
        """Samples laid so far, filled gaps included."""
        self._places: deque[int] = deque(maxlen=ANCHORS)
        self._times: deque[int] = deque(maxlen=ANCHORS)

    def lay(self, pcm: Pcm) -> tuple[int, npt.NDArray[np.int16], bool]:
        """Where the chunk goes: (silence to put before it, its samples that are new,
        whether sound longer than the filled silence is missing)."""
        samples = pcm.samples
        if not self._places:
            self._anchor(pcm.capture_us)
            self.samples += len(samples)
            return 0, samples, False
        late = pcm.capture_us - self.time_us(self.samples)
        offset = late * SAMPLE_RATE // MICROSECONDS
        fill, broken, start_us = 0, False, pcm.capture_us
        if late > TOLERANCE_US:
            fill, broken = min(offset, MAX_FILL), offset > MAX_FILL
        elif offset > -MAX_FILL and late < -TOLERANCE_US:  # heard already
            samples = samples[-offset:]
            start_us = self.time_us(self.samples)
        elif offset <= -MAX_FILL:  # the clock was set back
            fill, broken = MAX_FILL, True
        self.samples += fill
        self._anchor(start_us)
        self.samples += len(samples)
        return fill, samples, broken

    def time_us(self, sample: int) -> int:
        """Capture time of a sample, Unix microseconds."""
        index = max(bisect_right(self._places, sample) - 1, 0)
        return self._times[index] + (sample - self._places[index]) * MICROSECONDS // SAMPLE_RATE

    def _anchor(self, time_us: int) -> None:
        self._places.append(self.samples)
        self._times.append(time_us)
