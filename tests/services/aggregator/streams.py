"""Session streams for the aggregator's tests: written by hand, or drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.report_pb2 import Report
from greenroom.v1.session_pb2 import (
    ExpectedPoint,
    MediaConnected,
    MediaDisconnected,
    Question,
    QuestionStarted,
    SessionClosed,
    SessionEnded,
    SessionEvent,
    SessionPaused,
    SessionResumed,
    SessionStarted,
)
from greenroom.v1.signals_pb2 import (
    Accounting,
    AnswerEvaluation,
    DisfluencySpan,
    FaceEvent,
    FaceState,
    GestureEvent,
    GestureState,
    Signal,
    TextSpan,
    TranscriptSegment,
    VoiceEvent,
    VoiceState,
    Word,
)
from hypothesis import strategies as st

from services.aggregator.fold import Fold
from services.aggregator.report import write
from services.runtime.outbox import set_body

SECOND = 1_000_000
WINDOW_US = SECOND // 5
START_US = 1_800_000_000 * SECOND
SESSION = "session"
Message = SessionEvent | Signal

QUESTION = Question(
    id="conflict",
    text="Tell me about a conflict in your team.",
    style="behavioural",
    seconds=90,
    points=[ExpectedPoint(id="listened", text="You listened to the other side.", weight=1)],
    follow_ups=["What did you learn about yourself?"],
)

OTHER = Question(id="deadline", text="Tell me about a deadline.", style="behavioural", seconds=60)


def event(at_s: float, **body: Any) -> SessionEvent:
    header = Header(session_id=SESSION, capture_time_us=START_US + round(at_s * SECOND))
    return SessionEvent(header=header, **body)


def opening(
    questions: Sequence[Question] = (QUESTION,), *, live_hints: bool = True
) -> list[Message]:
    started = SessionStarted(questions=questions, live_hints=live_hints)
    return [event(0, started=started), ask(0, questions[0].id)]


def ask(at_s: float, question_id: str = QUESTION.id, attempt: int = 0) -> SessionEvent:
    asked = QuestionStarted(question_id=question_id, attempt=attempt)
    return event(at_s, question_started=asked)


def pause(at_s: float) -> SessionEvent:
    return event(at_s, paused=SessionPaused())


def resume(at_s: float) -> SessionEvent:
    return event(at_s, resumed=SessionResumed())


def connect(at_s: float) -> SessionEvent:
    return event(at_s, media_connected=MediaConnected(video=True, audio=True))


def lose(at_s: float) -> SessionEvent:
    return event(at_s, media_disconnected=MediaDisconnected(reason="failed"))


def closing(at_s: float) -> list[Message]:
    return [event(at_s, ended=SessionEnded()), event(at_s, closed=SessionClosed())]


def signal(
    kind: Kind.ValueType, start_s: float, end_s: float, body: Any, sure: float = 1
) -> Signal:
    start_us, end_us = (START_US + round(at * SECOND) for at in (start_s, end_s))
    made = Signal(
        header=Header(session_id=SESSION, capture_time_us=end_us),
        kind=kind,
        start_us=start_us,
        end_us=end_us,
        confidence=sure,
    )
    set_body(made, body)
    return made


def voice(start_s: float, end_s: float, **fields: Any) -> list[Message]:
    """Voice states, five a second."""
    values: dict[str, Any] = {"samples": 3200, "speech": 1.0, "loudness_dbfs": -25.0} | fields
    return [
        signal(Kind.KIND_VOICE, at, at + 0.2, VoiceState(**values)) for at in _steps(start_s, end_s)
    ]


def face(start_s: float, end_s: float, **fields: Any) -> list[Message]:
    """Face states as at 15 frames a second: three frames, of which the last is 133 ms on."""
    values: dict[str, Any] = {"frames": 3, "frames_with_face": 3, "faces": 1} | fields
    return [
        signal(Kind.KIND_FACE, at, at + 2 / 15, FaceState(**values))
        for at in _steps(start_s, end_s)
    ]


def hands(start_s: float, end_s: float, **fields: Any) -> list[Message]:
    values: dict[str, Any] = {"frames": 3, "hands": 2.0, "movement": 1.0} | fields
    return [
        signal(Kind.KIND_GESTURE, at, at + 2 / 15, GestureState(**values))
        for at in _steps(start_s, end_s)
    ]


def happened(body: Any, start_s: float, end_s: float | None = None, sure: float = 1) -> Signal:
    kinds: dict[type, Kind.ValueType] = {
        FaceEvent: Kind.KIND_FACE,
        GestureEvent: Kind.KIND_GESTURE,
        VoiceEvent: Kind.KIND_VOICE,
    }
    end_s = start_s + 0.3 if end_s is None else end_s
    return signal(kinds[type(body)], start_s, end_s, body, sure)


def speech(start_s: float, words_per_minute: float, count: int, text: str = "") -> Signal:
    """One final utterance of evenly spoken words."""
    step = 60 / words_per_minute
    texts = text.split() or [f"word{number}" for number in range(count)]
    words = [
        Word(
            text=word,
            start_us=START_US + round((start_s + number * step) * SECOND),
            end_us=START_US + round((start_s + (number + 0.999) * step) * SECOND),
            confidence=1,
        )
        for number, word in enumerate(texts)
    ]
    end_s = start_s + len(words) * step
    body = TranscriptSegment(
        utterance=START_US // SECOND + round(start_s),
        final=True,
        text=" ".join(texts),
        words=words,
        speech_seconds=end_s - start_s,
        syllables=2 * len(words),
    )
    return signal(Kind.KIND_VOICE, start_s, end_s, body)


def evaluated(at_s: float, **fields: Any) -> Signal:
    values: dict[str, Any] = {"question_id": QUESTION.id, "final": True, "words": 60} | fields
    return signal(Kind.KIND_ANSWERS, 0, at_s, AnswerEvaluation(**values))


def answered_again() -> list[Message]:
    """Two questions in two minutes, the first of them answered twice."""
    return [
        *opening([QUESTION, OTHER]), *voice(0, 120), ask(30, attempt=1), ask(90, OTHER.id),
        *closing(120),
    ]  # fmt: skip


def set_up_first() -> list[Message]:
    """Five minutes before the only question, which is answered for 30 s with a pause in it."""
    started, asked = opening()
    asked.header.capture_time_us += 300 * SECOND
    paused = happened(VoiceEvent(type=VoiceEvent.PAUSE), 310, 312)
    return [started, asked, *voice(300, 330), paused, *closing(330)]


def in_order(messages: Sequence[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: message.header.capture_time_us)


def fold(messages: Sequence[Message]) -> Fold:
    made = Fold(SESSION)
    for message in messages:
        made.take(message)
    return made


def report(messages: Sequence[Message], *, affect: bool = True) -> Report:
    return write(fold(messages).state, affect=affect)


def _steps(start_s: float, end_s: float) -> list[float]:
    return [start_s + number / 5 for number in range(round((end_s - start_s) * 5))]


# --- drawn at random

shares = st.floats(0, 1, width=32)
maybe_share = st.none() | shares


def _some(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@st.composite
def stretches(draw: st.DrawFn) -> list[Message]:
    """Some seconds in which each analyzer says one thing, or nothing."""
    start = draw(st.integers(0, 100))
    end = start + draw(st.integers(1, 30))
    made: list[Message] = []
    if draw(st.booleans()):
        fields = _some(
            eye_contact=draw(maybe_share), smile=draw(maybe_share), frown=draw(maybe_share)
        )
        made += face(start, end, frames_with_face=draw(st.integers(0, 3)), **fields)
    if draw(st.booleans()):
        fields = _some(self_touch=draw(maybe_share), movement=draw(maybe_share))
        fields.setdefault("movement", 0.0)
        made += hands(start, end, hands=draw(st.floats(0, 2, width=32)), **fields)
    if draw(st.booleans()):
        fields = _some(f0_hz=draw(st.none() | st.floats(80, 400, width=32)))
        level = draw(st.floats(-90, 0, width=32))
        dead = draw(st.booleans())
        made += voice(
            start, end, speech=draw(shares), loudness_dbfs=level, digital_silence=dead, **fields
        )
    if draw(st.booleans()):
        made.append(speech(start, draw(st.floats(60, 300)), draw(st.integers(1, 60))))
    return made


@st.composite
def events(draw: st.DrawFn) -> Message:
    start = draw(st.floats(0, 120))
    end = start + draw(st.floats(0.05, 20))
    sure = draw(shares)
    kind: Any = draw(st.sampled_from([FaceEvent, GestureEvent, VoiceEvent]))
    return happened(kind(type=draw(st.sampled_from(kind.Type.values()))), start, end, sure)


@st.composite
def evaluations(draw: st.DrawFn) -> Message:
    names = ("relevance", "completeness", "specificity", "ownership", "vagueness")
    fields = _some(**{name: draw(maybe_share) for name in names})
    kinds = st.sampled_from(DisfluencySpan.Type.values())
    spans = [
        DisfluencySpan(type=kind, span=TextSpan(quote="um"))
        for kind in draw(st.lists(kinds, max_size=5))
    ]
    return evaluated(
        draw(st.floats(1, 120)), words=draw(st.integers(0, 200)), disfluencies=spans, **fields
    )


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """Questions, pauses and lost connections at any time."""
    made: list[Message] = []
    for number in range(draw(st.integers(0, 3))):
        made.append(ask(draw(st.floats(1, 120)), attempt=number + 1))
    if draw(st.booleans()):
        at = draw(st.floats(0, 110))
        made += [pause(at), resume(at + draw(st.floats(0, 20)))]
    if draw(st.booleans()):
        at = draw(st.floats(1, 110))
        made += [connect(0), lose(at)]
        made += [connect(at + draw(st.floats(0, 20)))] if draw(st.booleans()) else []
    return made


@st.composite
def sessions(draw: st.DrawFn, *, live_hints: bool = True) -> list[Message]:
    """Whole sessions of up to about two minutes."""
    messages = [m for part in draw(st.lists(stretches(), max_size=6)) for m in part]
    messages += draw(st.lists(events(), max_size=30))
    messages += draw(turns())
    ordered = in_order(messages)
    final = draw(st.lists(evaluations(), max_size=2))
    accounts: list[Message] = [account(Kind.KIND_FACE, 10), account(Kind.KIND_VOICE, 10)]
    return [*opening(live_hints=live_hints), *ordered, *final, *accounts, *closing(130)]


def account(
    kind: Kind.ValueType, received: int, *, final: bool = True, lease: int = 1, pending: int = 0
) -> Signal:
    processed = received - pending
    return Signal(
        header=Header(session_id=SESSION, capture_time_us=START_US),
        kind=kind,
        accounting=Accounting(
            received=received, processed=processed, pending=pending, final=final, lease=lease
        ),
    )
