"""The fold: a session's messages in stream order, gathered for hints and the report.

Free of wall clock and randomness: the same messages give the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import Hint, Question, SessionEvent
from greenroom.v1.signals_pb2 import (
    Accounting,
    AnswerEvaluation,
    FaceState,
    GestureState,
    Signal,
    TranscriptSegment,
    VoiceState,
    Word,
)

ANALYZERS = (Kind.KIND_FACE, Kind.KIND_GESTURE, Kind.KIND_VOICE, Kind.KIND_ANSWERS)

MAX_WINDOWS = 5 * 3600 * 3
"""State messages kept of one kind: three hours at five a second; later ones are not counted."""


@dataclass(frozen=True, slots=True)
class Window:
    """One state message with its time."""

    start_us: int
    end_us: int
    body: FaceState | GestureState | VoiceState
    confidence: float


@dataclass(frozen=True, slots=True)
class Event:
    """One event of face, gesture or voice."""

    kind: Kind.ValueType
    type: str
    """Name of the proto's event type in lower case: blink, pause, fidget, ..."""
    start_us: int
    end_us: int
    detail: str
    confidence: float
    value: float | None = None


@dataclass
class Asked:
    """A question's turn: from when it was asked until the next, or the end."""

    question_id: str
    attempt: int
    start_us: int
    end_us: int | None = None
    paused_us: int = 0
    evaluation: AnswerEvaluation | None = None


@dataclass
class SessionState:
    """Everything the report and the hints rest on."""

    session_id: str = ""
    started_us: int | None = None
    ended_us: int | None = None
    closed: bool = False
    live_hints: bool = True
    camera_consent: bool = True
    microphone_consent: bool = True
    questions: dict[str, Question] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    face: list[Window] = field(default_factory=list)
    gesture: list[Window] = field(default_factory=list)
    voice: list[Window] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    utterances: dict[int, TranscriptSegment] = field(default_factory=dict)
    accounting: dict[tuple[Kind.ValueType, int], Accounting] = field(default_factory=dict)
    """The newest of each kind and lease."""
    video_connected: bool = False
    audio_connected: bool = False
    disconnections: int = 0
    paused_since_us: int | None = None
    hints: list[Hint] = field(default_factory=list)
    """Decided by the policy, in order."""

    @property
    def now_us(self) -> int:
        """The session's own time: the newest media that anything was said of."""
        ends = [windows[-1].end_us for windows in (self.face, self.gesture, self.voice) if windows]
        starts = [asked.start_us for asked in self.asked]
        return max([*ends, *starts, self.started_us or 0])

    @property
    def current(self) -> Asked | None:
        """The question being answered."""
        return self.asked[-1] if self.asked and self.asked[-1].end_us is None else None

    @property
    def words(self) -> list[Word]:
        return [
            word for number in sorted(self.utterances) for word in self.utterances[number].words
        ]

    @property
    def analyzers_done(self) -> list[Kind.ValueType]:
        """Which of the four have sent their last accounting."""
        final = {kind for (kind, _), account in self.accounting.items() if account.final}
        return [kind for kind in ANALYZERS if kind in final]

    def fold(self, message: SessionEvent | Signal) -> None:
        """Take the next message of the stream; after SessionClosed nothing counts."""
        if self.closed:
            return
        if isinstance(message, SessionEvent):
            self._event(message)
        else:
            self._signal(message)

    # --- events

    def _event(self, event: SessionEvent) -> None:
        at_us = event.header.capture_time_us
        match event.WhichOneof("body"):
            case "started":
                self.session_id = event.header.session_id
                self.started_us = at_us
                self.live_hints = event.started.live_hints
                self.camera_consent = event.started.consent.camera
                self.microphone_consent = event.started.consent.microphone
                self.questions = {question.id: question for question in event.started.questions}
            case "media_connected":
                self.video_connected |= event.media_connected.video
                self.audio_connected |= event.media_connected.audio
            case "media_disconnected":
                self.disconnections += 1
            case "question_started":
                self._end_question(at_us)
                started = event.question_started
                self.asked.append(Asked(started.question_id, started.attempt, at_us))
            case "paused":
                self.paused_since_us = at_us
            case "resumed":
                self._resume(at_us)
            case "ended":
                self._resume(at_us)
                self._end_question(at_us)
                self.ended_us = at_us
            case "closed":
                self.closed = True

    def _resume(self, at_us: int) -> None:
        if self.paused_since_us is not None and self.current:
            self.current.paused_us += at_us - self.paused_since_us
        self.paused_since_us = None

    def _end_question(self, at_us: int) -> None:
        if self.current:
            self.current.end_us = at_us

    # --- signals

    def _signal(self, signal: Signal) -> None:
        match signal.WhichOneof("body"):
            case "face_state":
                _keep(self.face, Window(*_times(signal), signal.face_state, signal.confidence))
            case "gesture_state":
                _keep(
                    self.gesture, Window(*_times(signal), signal.gesture_state, signal.confidence)
                )
            case "voice_state":
                _keep(self.voice, Window(*_times(signal), signal.voice_state, signal.confidence))
            case "face_event":
                face = signal.face_event
                name = type(face).Type.Name(face.type).lower()
                self._keep_event(signal, name, face.detail, face.intensity)
            case "gesture_event":
                gesture = signal.gesture_event
                name = type(gesture).Type.Name(gesture.type).lower()
                rate = gesture.rate_hz if gesture.HasField("rate_hz") else None
                self._keep_event(signal, name, gesture.detail, rate)
            case "voice_event":
                voice = signal.voice_event
                name = type(voice).Type.Name(voice.type).lower()
                level = voice.level_dbfs if voice.HasField("level_dbfs") else None
                self._keep_event(signal, name, voice.detail, level)
            case "transcript":
                if signal.transcript.final:
                    self.utterances[signal.transcript.utterance] = signal.transcript
            case "answer":
                self._evaluated(signal.answer)
            case "accounting":
                key = (signal.kind, signal.accounting.lease)
                self.accounting[key] = signal.accounting

    def _keep_event(self, signal: Signal, name: str, detail: str, value: float | None) -> None:
        if len(self.events) < MAX_WINDOWS:
            start_us, end_us = _times(signal)
            self.events.append(
                Event(signal.kind, name, start_us, end_us, detail, signal.confidence, value)
            )

    def _evaluated(self, evaluation: AnswerEvaluation) -> None:
        same = [asked for asked in self.asked if asked.question_id == evaluation.question_id]
        if evaluation.attempt < len(same):
            same[evaluation.attempt].evaluation = evaluation


def _times(signal: Signal) -> tuple[int, int]:
    return signal.start_us, signal.end_us


def _keep(windows: list[Window], window: Window) -> None:
    if len(windows) < MAX_WINDOWS:
        windows.append(window)
