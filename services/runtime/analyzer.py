"""The one shape of the four analyzers.

An analyzer is plain, synchronous code: input in, observations out. It knows
nothing of NATS, asyncio or gRPC, so that it runs on a file, in a notebook or in
a benchmark just as it does in a service. One instance serves one session and
keeps that session's state (trackers, voice activity, pitch); the ONNX models
are shared by all instances of a process.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from greenroom.v1.signals_pb2 import (
    AnswerEvaluation,
    FaceEvent,
    FaceState,
    GestureEvent,
    GestureState,
    TranscriptSegment,
    VoiceEvent,
    VoiceState,
)

from services.runtime.media import MICROSECONDS

STATE_WINDOW_US = 200_000
"""How much media one state message sums up: short against a hint's 250 ms budget
and long enough that a session costs five messages a second and kind."""

GAP_US = MICROSECONDS
"""A longer stretch without media is an interruption: what was going on ended before it."""

Body = (
    FaceState
    | FaceEvent
    | GestureState
    | GestureEvent
    | VoiceState
    | VoiceEvent
    | TranscriptSegment
    | AnswerEvaluation
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What an analyzer says: the body of a signal and the stretch of media it rests on."""

    body: Body
    start_us: int
    end_us: int
    confidence: float
    """0..1: how sure the analyzer is of the body as a whole."""


Input = TypeVar("Input", contravariant=True)


class Analyzer(Protocol[Input]):
    """Media (or, for answers, the session's own messages) in, observations out."""

    def analyze(self, item: Input) -> Iterable[Observation]:
        """Take the next input, in capture order; gaps are allowed.

        Raises nothing for bad content: what can't be analysed is not seen.
        """
        ...

    def finish(self) -> Iterable[Observation]:
        """Flush what is still open at the end of the session."""
        ...
