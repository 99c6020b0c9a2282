"""What a session at the gateway tells its page."""

import asyncio
from typing import Any

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import FaceState, Signal, TranscriptSegment, VoiceState

from gateway.live import (
    LISTENER_LIMIT,
    SETUP_EVERY_US,
    Listener,
    hint_message,
    setup_message,
)
from services.runtime.bus import Bus, now_us
from tests.gateway.conftest import Gateway, Session


def signal(
    session: Session, kind: Kind.ValueType, sequence: int, at_us: int | None = None, **body: Any
) -> Signal:
    at_us = at_us or now_us()
    header = Header(session_id=session.id, sequence=sequence, capture_time_us=at_us)
    return Signal(header=header, kind=kind, start_us=at_us, end_us=at_us, **body)


async def heard(listener: Listener, count: int) -> list[dict[str, Any]]:
    """The next ones. What is told of one subject comes in order: with the last, all of it is
    there, and one too many would have taken its place."""
    async with asyncio.timeout(10):
        return [await listener.get() for _ in range(count)]


async def test_captions_and_hints(gateway: Gateway, bus: Bus) -> None:
    session, other = await gateway.create(), await gateway.create()
    live = gateway.context.sessions.get(session.id)
    assert live
    listener = live.subscribe()
    segment = TranscriptSegment(utterance=3, text="well", final=True)
    for to in (session, other):
        await bus.publish_signal(signal(to, Kind.KIND_VOICE, 0, transcript=segment))
    last = TranscriptSegment(utterance=4, text="last")
    hint = Hint(
        header=Header(session_id=session.id, capture_time_us=now_us()),
        hint_id="h1",
        text="Slow down",
        show_ms=3_000,
    )
    await bus.publish_hint(hint)
    await bus.publish_signal(signal(session, Kind.KIND_VOICE, 1, transcript=last))
    got = await heard(listener, 3)
    assert [message for message in got if message["type"] == "caption"] == [
        {"type": "caption", "utterance": 3, "final": True, "text": "well"},
        {"type": "caption", "utterance": 4, "final": False, "text": "last"},
    ]
    assert hint_message(hint) in got
    live.unsubscribe(listener)


async def test_help_before_the_first_question(gateway: Gateway, bus: Bus) -> None:
    """About once a second, and no more once a question was asked."""
    session = await gateway.create()
    live = gateway.context.sessions.get(session.id)
    assert live
    listener = live.subscribe()
    first_us = now_us()
    times_us = [first_us] + [first_us + SETUP_EVERY_US - 1] * 4 + [first_us + SETUP_EVERY_US]
    for number, at_us in enumerate(times_us):
        state = FaceState(frames=3, frames_with_face=3, faces=1, face_width=number / 10)
        await bus.publish_signal(signal(session, Kind.KIND_FACE, number, at_us, face_state=state))
    await bus.publish_signal(
        signal(session, Kind.KIND_VOICE, 0, voice_state=VoiceState(loudness_dbfs=-30))
    )
    got = await heard(listener, 3)
    pictures = [message for message in got if message["type"] == "picture"]
    assert [(message["faces"], message["face_width"]) for message in pictures] == [(1, 0), (1, 0.5)]
    assert sum(message["type"] == "sound" for message in got) == 1
    await session.post("question", {"question_id": session.created["questions"][0]["id"]})
    live._setup_shown.clear()
    state = FaceState(frames=3, frames_with_face=3, faces=1)
    await bus.publish_signal(signal(session, Kind.KIND_FACE, 9, face_state=state))
    last = TranscriptSegment(text="last")
    await bus.publish_signal(signal(session, Kind.KIND_VOICE, 1, transcript=last))
    assert [message["type"] for message in await heard(listener, 2)] == ["question", "caption"]
    live.unsubscribe(listener)


def test_a_face_that_was_not_seen_has_no_place() -> None:
    made = setup_message(Signal(face_state=FaceState(frames=3)))
    assert made
    assert made["face_width"] is None
    assert made["centre_x"] is None
    assert setup_message(Signal(transcript=TranscriptSegment())) is None


async def test_a_slow_listener_loses_the_oldest() -> None:
    listener = Listener()
    for number in range(LISTENER_LIMIT + 5):
        listener.put({"number": number})
    got = await heard(listener, LISTENER_LIMIT)
    assert [message["number"] for message in got] == list(range(5, LISTENER_LIMIT + 5))
