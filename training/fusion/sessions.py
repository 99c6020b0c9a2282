"""Whole sessions out of recordings: the four analyzers run on a file, their words as a stream.

The same messages as on the bus, in an order in which they could come there, but without
bus, clock or loss: what is measured of hints and reports does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import (
    Consent,
    MediaConnected,
    Question,
    QuestionStarted,
    SessionClosed,
    SessionEnded,
    SessionEvent,
    SessionStarted,
)
from greenroom.v1.signals_pb2 import Accounting, Signal, TranscriptSegment

from services.answers.analyzer import AnswersAnalyzer
from services.face.analyzer import FaceAnalyzer
from services.gesture.analyzer import GestureAnalyzer
from services.runtime.analyzer import Observation
from services.runtime.media import MICROSECONDS, Frame
from services.runtime.outbox import set_body
from training.face.dataset import frames
from training.voice import sound

FPS = 15
"""As the gateway analyses."""

START_US = 1_800_000_000 * MICROSECONDS
"""Any time will do, as long as it is always the same."""

SESSION = "recording"

Message = SessionEvent | Signal
Seen = tuple[Kind.ValueType, Observation]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the media analyzers say of one recording; times start at 0."""

    seconds: float
    observations: tuple[Seen, ...]
    video: bool
    audio: bool


@lru_cache(maxsize=64)
def analyse(path: Path) -> Heard:
    """Face, hands and voice of a file.

    Raises av.FFmpegError for a file that FFmpeg can't read.
    """
    with av.open(str(path)) as container:
        video = bool(container.streams.video)
    found: list[Seen] = []
    samples = sound.load(path)
    seconds = len(samples) / 16_000
    found += [(Kind.KIND_VOICE, seen) for seen in sound.observe(samples)] if len(samples) else []
    if video:
        face, gesture = FaceAnalyzer(), GestureAnalyzer()
        due_us = 0
        for number, (image, time_us) in enumerate(frames(path)):
            seconds = max(seconds, time_us / MICROSECONDS)
            if time_us < due_us:
                continue
            due_us = max(due_us + MICROSECONDS // FPS, time_us)
            frame = Frame(image, time_us, number)
            found += [(Kind.KIND_FACE, seen) for seen in face.analyze(frame)]
            found += [(Kind.KIND_GESTURE, seen) for seen in gesture.analyze(frame)]
        found += [(Kind.KIND_FACE, seen) for seen in face.finish()]
        found += [(Kind.KIND_GESTURE, seen) for seen in gesture.finish()]
    return Heard(seconds, tuple(found), video, bool(np.any(samples)))


def session(
    recordings: Sequence[Heard], questions: Sequence[Question], *, live_hints: bool = True
) -> list[Message]:
    """A session in which the recordings follow one another and the questions share their time.

    The answers service listens to the events and transcripts as it does live.
    """
    placed: list[Seen] = []
    at_us = START_US
    for heard in recordings:
        placed += [(kind, _moved(seen, at_us)) for kind, seen in heard.observations]
        at_us += round(heard.seconds * MICROSECONDS)
    end_us = at_us
    events = _events(recordings, questions, end_us, live_hints=live_hints)
    answers = AnswersAnalyzer()
    messages: list[tuple[int, int, Kind.ValueType, Message | Observation]] = []
    for order, event in enumerate(events):
        messages.append((event.header.capture_time_us, order, Kind.KIND_UNSPECIFIED, event))
    for order, (kind, seen) in enumerate(placed):
        messages.append((seen.end_us, order + len(events), kind, seen))
    messages.sort(key=lambda message: message[:2])
    stream: list[Message] = []
    counts: dict[Kind.ValueType, int] = {}

    def say(kind: Kind.ValueType, seen: Observation) -> Signal:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        made = Signal(
            header=Header(session_id=SESSION, sequence=number, capture_time_us=seen.end_us),
            kind=kind,
            start_us=seen.start_us,
            end_us=seen.end_us,
            confidence=seen.confidence,
        )
        set_body(made, seen.body)
        stream.append(made)
        return made

    for _, _, kind, body in messages:
        if isinstance(body, Observation):
            signal = say(kind, body)
            spoken = answers.analyze(signal) if isinstance(body.body, TranscriptSegment) else ()
        else:
            assert isinstance(body, SessionEvent)
            stream.append(body)
            spoken = answers.analyze(body)
        for seen in spoken:
            say(Kind.KIND_ANSWERS, seen)
    for seen in answers.finish():
        say(Kind.KIND_ANSWERS, seen)
    stream += [_accounting(kind, counts.get(kind, 0), end_us) for kind in ANALYZERS]
    stream.append(_event(end_us, SessionEvent(closed=SessionClosed(finished=ANALYZERS))))
    return stream


ANALYZERS = (Kind.KIND_FACE, Kind.KIND_GESTURE, Kind.KIND_VOICE, Kind.KIND_ANSWERS)


def _events(
    recordings: Sequence[Heard], questions: Sequence[Question], end_us: int, *, live_hints: bool
) -> list[SessionEvent]:
    started = SessionStarted(
        candidate_id="",
        questions=questions,
        consent=Consent(camera=True, microphone=True),
        live_hints=live_hints,
    )
    media = MediaConnected(
        video=any(heard.video for heard in recordings),
        audio=any(heard.audio for heard in recordings),
    )
    made = [
        _event(START_US, SessionEvent(started=started)),
        _event(START_US, SessionEvent(media_connected=media)),
    ]
    for number, question in enumerate(questions):
        at_us = START_US + (end_us - START_US) * number // len(questions)
        asked = QuestionStarted(question_id=question.id)
        made.append(_event(at_us, SessionEvent(question_started=asked)))
    made.append(_event(end_us + 1, SessionEvent(ended=SessionEnded(reason="client"))))
    return made


def _event(at_us: int, event: SessionEvent) -> SessionEvent:
    event.header.CopyFrom(Header(session_id=SESSION, capture_time_us=at_us))
    return event


def _moved(seen: Observation, by_us: int) -> Observation:
    body = type(seen.body)()
    body.CopyFrom(seen.body)  # type: ignore[arg-type]
    if isinstance(body, TranscriptSegment):
        # Numbers come from the time of an utterance's first speech, in seconds.
        body.utterance += by_us // MICROSECONDS
        for word in body.words:
            word.start_us += by_us
            word.end_us += by_us
    return Observation(body, seen.start_us + by_us, seen.end_us + by_us, seen.confidence)


def _accounting(kind: Kind.ValueType, count: int, at_us: int) -> Signal:
    account = Accounting(received=count, processed=count, final=True)
    header = Header(session_id=SESSION, capture_time_us=at_us)
    return Signal(
        header=header, kind=kind, start_us=at_us, end_us=at_us, confidence=1, accounting=account
    )
