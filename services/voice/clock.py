"""Capture time of every sample of a stream that has gaps."""

import math
from bisect import bisect_right
from collections import deque

import numpy as np
import numpy.typing as npt

from services.runtime.analyzer import GAP_US, STATE_WINDOW_US
from services.runtime.media import MICROSECONDS, SAMPLE_RATE, Pcm
from services.voice.vad import FRAME

WINDOW = STATE_WINDOW_US * SAMPLE_RATE // MICROSECONDS
"""Samples that one VoiceState sums up."""

TOLERANCE_US = 30_000
"""Jitter of capture times that is no gap: less than half a chunk."""

MAX_FILL = GAP_US * SAMPLE_RATE // MICROSECONDS
"""A gap up to this is filled with silence; what is longer is not heard, and nothing is said of
it."""

BREAK_FILL = MAX_FILL + 2 * FRAME
"""The least silence in place of a longer gap: in two frames the filter's echo of the last sound
is over, then every run ends by itself, and after 31 frames every utterance."""

BREAK_STEP = math.lcm(FRAME, WINDOW)
"""After a longer gap sound goes on at a multiple of this, so that no frame of voice activity
and no window lies on both sides of it: its times would span what was not heard."""

ANCHORS = 1024
"""Chunks whose times are remembered: 20 s even where losses make each packet a chunk of its own,
longer than any utterance and its transcription."""


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
        fill, start_us = 0, pcm.capture_us
        broken = offset > MAX_FILL or offset <= -MAX_FILL  # the clock was set back
        if broken:
            fill = BREAK_FILL + -(self.samples + BREAK_FILL) % BREAK_STEP
        elif late > TOLERANCE_US:
            fill = offset
        elif late < -TOLERANCE_US:  # heard already
            samples = samples[-offset:]
            start_us = self.time_us(self.samples)
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
