"""Runs of speech and the pauses between them."""

from dataclasses import dataclass
from typing import Literal

from services.runtime.media import SAMPLE_RATE
from services.voice.vad import FRAME, VadFrame

PAUSE_SAMPLES = SAMPLE_RATE // 4
"""250 ms: the usual threshold (Goldman-Eisler 1968) between articulation (the closure of a
stop) and a pause in fluent speech."""

MIN_SPEECH_SAMPLES = SAMPLE_RATE * 96 // 1000
"""A run shorter than three VAD frames is a click, not speech."""

MAX_LOST = 0.2
"""A pause of which more than this share was lost is not told: somebody may have spoken there.
In less, no word has room in most pauses."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of speech, a pause or a breath, in samples of the stream."""

    kind: Literal["speech", "pause", "breath"]
    start: int
    end: int
    probability: float
    """Mean speech probability over a run; for a pause, one minus it; for a breath, its own."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where a run begins or ends."""

    place: int
    lost: int
    """Samples that were lost before it, in the whole stream."""


class Pauses:
    """VAD frames in, finished runs and pauses out. Holds one stream's state."""

    def __init__(self) -> None:
        self._start: _Edge | None = None
        self._end = _Edge(0, 0)
        self._previous_end: _Edge | None = None
        self._lost = 0
        self._speech_total = 0.0
        self._speech_frames = 0
        self._gap_total = 0.0
        self._gap_frames = 0

    def push(self, frame: VadFrame) -> list[Stretch]:
        """A run is told once PAUSE_SAMPLES of silence have passed, a pause when speech
        goes on after it."""
        start = _Edge(frame.start, self._lost)
        self._lost += FRAME * frame.lost
        if frame.voice:
            self._start = self._start or start
            self._end = _Edge(frame.end, self._lost)
            self._speech_total += frame.probability
            self._speech_frames += 1
            return self._pause_before()
        if self._start is None:
            self._gap_total += 1.0 - frame.probability
            self._gap_frames += 1
        elif frame.end - self._end.place >= PAUSE_SAMPLES:
            return self._close()
        return []

    def finish(self) -> list[Stretch]:
        """The run that is still open; silence after the last run is no pause."""
        return self._close() if self._start is not None else []

    def _pause_before(self) -> list[Stretch]:
        start = self._start
        if start is None or self._end.place - start.place < MIN_SPEECH_SAMPLES:
            return []
        before, self._previous_end = self._previous_end, None
        if before is None or (length := start.place - before.place) < PAUSE_SAMPLES:
            return []
        if start.lost - before.lost > MAX_LOST * length:
            return []
        probability = self._gap_total / self._gap_frames if self._gap_frames else 1.0
        return [Stretch("pause", before.place, start.place, probability)]

    def _close(self) -> list[Stretch]:
        start, self._start = self._start, None
        probability = self._speech_total / max(self._speech_frames, 1)
        self._speech_total, self._speech_frames = 0.0, 0
        if start is None or self._end.place - start.place < MIN_SPEECH_SAMPLES:
            return []
        self._previous_end = self._end
        self._gap_total, self._gap_frames = 0.0, 0
        return [Stretch("speech", start.place, self._end.place, probability)]
