"""Cutting the stream into utterances for the transcriber."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.runtime.media import MICROSECONDS, SAMPLE_RATE
from services.voice.clock import StreamClock
from services.voice.pauses import MIN_SPEECH_SAMPLES, PAUSE_SAMPLES
from services.voice.vad import FRAME, VadFrame

LEAD = SAMPLE_RATE // 5
"""200 ms of sound before the first speech frame: soft onsets belong to the first word."""

FILLER_LEAD = SAMPLE_RATE
"""1 s: a soft, nasal "um" before the first word is often not speech to voice activity.
The transcriber does not get this part: in silence and noise it makes words up."""

TAIL = 11 * FRAME
"""352 ms after the last: the transcriber wants to hear that a word is over."""

END_SAMPLES = 31 * FRAME
"""1 s of silence ends an utterance; shorter ones are within a sentence."""

LONG_SAMPLES = 5 * SAMPLE_RATE
"""From this length any pause ends it: later words would wait too long."""

MAX_SAMPLES = 10 * SAMPLE_RATE
"""Without any pause it is cut here, where there is least speech."""

CUT_WITHIN = 4 * SAMPLE_RATE
"""How far back the cut may lie."""

CUT_FRAMES = 5
"""What is least is judged over 160 ms, longer than the closure of a stop."""

PARTIAL_EVERY = 20 * FRAME
"""Speech goes to the transcriber every 640 ms at the latest: with its own time that keeps
nearly every word within 700 ms of its end."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is known of an utterance so far; places are samples of the stream."""

    number: int
    """The capture time of its first speech in seconds, or one more than the number before:
    unlike a count, it goes on after another worker has taken the session over."""
    start: int
    """Of ``samples``."""
    text_from: int
    """How many of the samples lie before the part for the transcriber."""
    samples: npt.NDArray[np.int16]
    stretches: tuple[tuple[int, int], ...]
    """Its speech: (start, end), gaps below PAUSE_SAMPLES left in."""
    concealed: int
    """Samples of its speech that were not heard."""
    final: bool
    at_pause: bool
    """Ends in a pause, so that all its words are whole."""

    @property
    def end(self) -> int:
        return self.start + len(self.samples)

    @property
    def heard_share(self) -> float:
        """0..1: how much of its speech was not concealed."""
        return 1.0 - self.concealed / self.speech_samples

    @property
    def speech_samples(self) -> int:
        return sum(end - start for start, end in self.stretches)

    @property
    def speech_seconds(self) -> float:
        return self.speech_samples / SAMPLE_RATE


class Utterances:
    """Sound and VAD frames in, utterances out, unfinished ones too. Holds one stream's state."""

    def __init__(self, clock: StreamClock) -> None:
        self._clock = clock
        self._audio = np.zeros(0, np.int16)
        self._base = 0  # the first sample's place
        self._number = 0
        self._frames: list[VadFrame] = []  # of the open utterance
        self._stretches: list[tuple[int, int]] = []
        self._from = 0  # where the speech of the utterance before ends; not its tail, heard twice
        self._asked = 0  # where the last request ended

    def push(self, samples: npt.NDArray[np.int16], frames: list[VadFrame]) -> list[Utterance]:
        """Take the next sound and the frames that it completes."""
        self._audio = np.concatenate([self._audio, samples])
        found = [utterance for frame in frames for utterance in self._frame(frame)]
        if not self._stretches:
            self._drop_before(self._base + len(self._audio) - FILLER_LEAD - 2 * FRAME)
        return found

    def finish(self) -> list[Utterance]:
        """The utterance that is still open."""
        return self._close() if self._stretches else []

    def _frame(self, frame: VadFrame) -> list[Utterance]:
        if frame.voice:
            self._extend(frame)
        if not self._stretches:
            return []
        self._frames.append(frame)
        start, end = self._stretches[0][0], self._stretches[-1][1]
        silence = frame.end - end
        if silence >= END_SAMPLES or (silence >= TAIL and end - start >= LONG_SAMPLES):
            return self._close()
        if frame.end - start >= MAX_SAMPLES:
            return self._cut()
        paused = TAIL <= silence < TAIL + FRAME
        if paused or (silence == 0 and frame.end - self._asked >= PARTIAL_EVERY):
            self._asked = frame.end
            return self._utterance(final=False, at_pause=paused)
        return []

    def _extend(self, frame: VadFrame) -> None:
        if not self._stretches:
            self._begin(frame.start)
        if self._stretches and frame.start - self._stretches[-1][1] < PAUSE_SAMPLES:
            self._stretches[-1] = (self._stretches[-1][0], frame.end)
        else:
            self._stretches.append((frame.start, frame.end))

    def _close(self) -> list[Utterance]:
        found = self._utterance(final=True, at_pause=True)
        self._from = self._stretches[-1][1]
        self._stretches, self._frames = [], []
        return found

    def _begin(self, place: int) -> None:
        self._asked = place
        self._number = max(self._number + 1, self._clock.time_us(place) // MICROSECONDS)

    def _cut(self) -> list[Utterance]:
        """End where the voice is weakest; what follows opens the next utterance."""
        recent = self._frames[-(CUT_WITHIN // FRAME) :]
        probabilities = np.array([frame.probability for frame in recent])
        smooth = np.convolve(probabilities, np.ones(CUT_FRAMES), "valid")
        at = recent[int(smooth.argmin()) + CUT_FRAMES // 2].start + FRAME // 2
        later = [(max(start, at), end) for start, end in self._stretches if end > at]
        kept = [frame for frame in self._frames if frame.start >= at]
        self._stretches = [(start, min(end, at)) for start, end in self._stretches if start < at]
        found = self._utterance(final=True, at_pause=False)
        self._from = at
        self._begin(at)
        self._stretches, self._frames = later, kept
        self._drop_before(at)
        return found

    def _utterance(self, *, final: bool, at_pause: bool) -> list[Utterance]:
        if sum(end - start for start, end in self._stretches) < MIN_SPEECH_SAMPLES:
            return []
        first = self._stretches[0][0]
        start = max(first - FILLER_LEAD, self._from, self._base)
        end = self._stretches[-1][1] + (TAIL if at_pause else 0)
        return [
            Utterance(
                number=self._number,
                start=start,
                text_from=max(first - LEAD - start, 0),
                samples=self._audio[start - self._base : end - self._base].copy(),
                stretches=tuple(self._stretches),
                concealed=self._concealed(),
                final=final,
                at_pause=at_pause,
            )
        ]

    def _concealed(self) -> int:
        return sum(
            max(min(frame.end, end) - max(frame.start, start), 0)
            for frame in self._frames
            if frame.lost
            for start, end in self._stretches
        )

    def _drop_before(self, place: int) -> None:
        count = place - self._base
        if count > 0:
            self._audio = self._audio[count:]
            self._base = place
