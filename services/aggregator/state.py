"""The fold: a session's messages in stream order, gathered for hints and the report.

Free of wall clock and randomness: the same messages give the same state. A message that
comes twice counts once, and media messages may come in any order: a takeover does both.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TypeVar

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import Hint, Question, QuestionStarted, SessionEvent
from greenroom.v1.signals_pb2 import (
    Accounting,
    AnswerEvaluation,
    FaceEvent,
    FaceState,
    GestureEvent,
    GestureState,
    Signal,
    TranscriptSegment,
    VoiceEvent,
    VoiceState,
    Word,
)

from services.runtime.media import MICROSECONDS

ANALYZERS = (Kind.KIND_FACE, Kind.KIND_GESTURE, Kind.KIND_VOICE, Kind.KIND_ANSWERS)

MAX_WINDOWS = 5 * 3600 * 3
"""State messages kept of one kind: three hours at five a second; later ones are not counted.
As many events and utterances."""

LONGEST_UNNOTICED_US = 40 * MICROSECONDS
"""A lost connection is noticed within 30 s (RFC 7675). When nothing was analysed for longer, it
was not for the connection's sake."""

MAX_QUESTIONS = 1000
"""Turns kept: a client that asks without end fills no memory."""


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


@dataclass
class Asked:
    """A question's turn: from when it was asked until the next, or the end."""

    question_id: str
    attempt: int
    start_us: int
    end_us: int | None = None
    evaluation: AnswerEvaluation | None = None


@dataclass
class SessionState:
    """Everything the report and the hints rest on."""

    session_id: str = ""
    started_us: int | None = None
    ended_us: int | None = None
    closed: bool = False
    live_hints: bool = True
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
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """(start, end) of the times in which the candidate paused the practice."""
    paused_since_us: int | None = None
    lost: list[tuple[int, int]] = field(default_factory=list)
    """(noticed, over) of the times in which a connection that stood was lost."""
    lost_since_us: int | None = None
    connected_us: int | None = None
    """When the newest connection came to stand."""
    hints: list[Hint] = field(default_factory=list)
    """Decided by the policy, in order."""
    shown: set[str] = field(default_factory=set)
    """The ids of those that the candidate's page says it has shown."""
    now_us: int = 0
    """The session's own time: the newest media that anything was said of. Never goes back."""

    @property
    def current(self) -> Asked | None:
        """The question being answered."""
        return self.asked[-1] if self.asked and self.asked[-1].end_us is None else None

    @property
    def away(self) -> list[tuple[int, int]]:
        """(start, end) of the times that are no part of the practice, in order and apart: it was
        paused, or the connection was lost, which is so from the last media on."""
        lost = [(self._last_media_us(noticed_us), end_us) for noticed_us, end_us in self.lost]
        apart: list[tuple[int, int]] = []
        for start_us, end_us in sorted([*self.pauses, *lost]):
            if apart and start_us <= apart[-1][1]:
                apart[-1] = apart[-1][0], max(apart[-1][1], end_us)
            elif start_us < end_us:
                apart.append((start_us, end_us))
        return apart

    def _last_media_us(self, before_us: int) -> int:
        """The end of the last media before the connection's loss was noticed."""
        ends = [before_us - LONGEST_UNNOTICED_US]
        for windows in (self.face, self.gesture, self.voice):
            begun = bisect_left(windows, before_us, key=lambda window: window.start_us)
            ends += [window.end_us for window in windows[max(0, begun - 1) : begun]]
        last_us = min(max(ends), before_us)
        return last_us if last_us > ends[0] else before_us

    @property
    def words(self) -> list[Word]:
        return self.words_since(0)

    def words_since(self, start_us: int) -> list[Word]:
        """The words that begin then or later, in the order of their utterances."""
        late: list[list[Word]] = []
        for number in sorted(self.utterances, reverse=True):
            words = [word for word in self.utterances[number].words if word.start_us >= start_us]
            if start_us and self.utterances[number].words and not words:
                break
            late.append(words)
        return [word for words in reversed(late) for word in words]

    def sent(self, kind: Kind.ValueType) -> bool:
        """Whether picture or sound came in, analysed or not; kind: the gateway's of either."""
        connected = {
            Kind.KIND_GATEWAY_VIDEO: self.video_connected,
            Kind.KIND_GATEWAY_AUDIO: self.audio_connected,
        }
        return connected[kind] or any(
            account.received > 0 for (of, _), account in self.accounting.items() if of == kind
        )

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
            case "started" if self.started_us is None:
                self.session_id = event.header.session_id
                self.started_us = at_us
                self.now_us = max(self.now_us, at_us)
                self.live_hints = event.started.live_hints
                self.questions = {question.id: question for question in event.started.questions}
            case "media_connected":
                self.video_connected |= event.media_connected.video
                self.audio_connected |= event.media_connected.audio
                if self.connected_us is not None and at_us > self.connected_us:
                    self._lose(at_us)  # when its gateway died nobody said so
                self._found(at_us)
                self.connected_us = at_us
            case "media_disconnected" if self.connected_us is not None:
                if at_us >= self.connected_us:
                    self._lose(at_us)
            case "question_started":
                self._ask(event.question_started, at_us)
            case "hint_shown":
                hint_id = event.hint_shown.hint_id
                self.shown |= {hint.hint_id for hint in self.hints if hint.hint_id == hint_id}
            case "paused" if self.paused_since_us is None:
                self.paused_since_us = at_us
            case "resumed":
                self._resume(at_us)
            case "ended" if self.ended_us is None:
                self._resume(at_us)
                self._found(at_us)
                self._end_question(at_us)
                self.ended_us = at_us
            case "closed":
                self.closed = True

    def _ask(self, started: QuestionStarted, at_us: int) -> None:
        asked = Asked(started.question_id, started.attempt, at_us)
        again = any(
            (each.start_us, each.question_id) == (at_us, asked.question_id) for each in self.asked
        )
        if again or len(self.asked) >= MAX_QUESTIONS:
            return
        self._end_question(at_us)
        self.asked.append(asked)
        self.now_us = max(self.now_us, at_us)

    def _resume(self, at_us: int) -> None:
        if self.paused_since_us is not None and at_us > self.paused_since_us:
            self.pauses.append((self.paused_since_us, at_us))
        self.paused_since_us = None

    def _lose(self, at_us: int) -> None:
        if self.lost_since_us is None:
            self.lost_since_us = at_us

    def _found(self, at_us: int) -> None:
        """There is a connection again, or no more need of one."""
        if self.lost_since_us is not None:
            self.lost.append((self.lost_since_us, max(at_us, self.lost_since_us)))
        self.lost_since_us = None

    def _end_question(self, at_us: int) -> None:
        if self.current:
            self.current.end_us = max(at_us, self.current.start_us)

    # --- signals

    def _signal(self, signal: Signal) -> None:
        match signal.WhichOneof("body"):
            case "face_state":
                self._keep_window(self.face, signal, signal.face_state)
            case "gesture_state":
                self._keep_window(self.gesture, signal, signal.gesture_state)
            case "voice_state":
                self._keep_window(self.voice, signal, signal.voice_state)
            case "face_event":
                self._keep_event(signal, signal.face_event)
            case "gesture_event":
                self._keep_event(signal, signal.gesture_event)
            case "voice_event":
                self._keep_event(signal, signal.voice_event)
            case "transcript":
                self._heard(signal.transcript)
            case "answer":
                self._evaluated(signal.answer)
            case "accounting":
                self._account(signal)

    def _keep_window(
        self, windows: list[Window], signal: Signal, body: FaceState | GestureState | VoiceState
    ) -> None:
        self.now_us = max(self.now_us, signal.end_us)
        _insert(windows, Window(signal.start_us, signal.end_us, body, signal.confidence))

    def _keep_event(self, signal: Signal, body: FaceEvent | GestureEvent | VoiceEvent) -> None:
        types = type(body).Type.DESCRIPTOR.values_by_number
        if body.type not in types:
            return  # from a newer analyzer: nothing here knows what it means
        name = types[body.type].name.lower()
        times = signal.start_us, signal.end_us
        _insert(self.events, Event(signal.kind, name, *times, body.detail, signal.confidence))

    def _heard(self, segment: TranscriptSegment) -> None:
        room = len(self.utterances) < MAX_WINDOWS or segment.utterance in self.utterances
        if segment.final and room:
            self.utterances[segment.utterance] = segment

    def _evaluated(self, evaluation: AnswerEvaluation) -> None:
        same = [asked for asked in self.asked if asked.question_id == evaluation.question_id]
        if evaluation.attempt >= len(same):
            return
        asked = same[evaluation.attempt]
        if asked.evaluation is None or evaluation.final or not asked.evaluation.final:
            asked.evaluation = evaluation

    def _account(self, signal: Signal) -> None:
        """Counters only grow: whichever says more is the newer one."""
        key = (signal.kind, signal.accounting.lease)
        before = self.accounting.get(key, Accounting())
        if (signal.accounting.final, signal.accounting.received) >= (before.final, before.received):
            self.accounting[key] = signal.accounting


Timed = TypeVar("Timed", Window, Event)


def _insert(kept: list[Timed], new: Timed) -> None:
    """In order of the start, and of one start always in the same order; the same thing twice
    is kept once."""
    place = bisect_left(kept, new.start_us, key=lambda each: each.start_us)
    while place < len(kept) and kept[place].start_us == new.start_us:
        if kept[place] == new:
            return
        if (kept[place].end_us, str(kept[place])) > (new.end_us, str(new)):
            break
        place += 1
    if len(kept) < MAX_WINDOWS:
        kept.insert(place, new)
