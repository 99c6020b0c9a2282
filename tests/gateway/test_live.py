"""What a session at the gateway tells its page."""

import asyncio
import contextlib
from typing import Any

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import FaceState, Signal, TranscriptSegment, VoiceState

from gateway.live import LISTENER_LIMIT, Listener, hint_message, setup_message
from services.runtime.bus import Bus, now_us
from tests.gateway.conftest import Gateway, Session


def signal(session: Session, kind: Kind.ValueType, sequence: int, **body: Any) -> Signal:
    now = now_us()
    header = Header(session_id=session.id, sequence=sequence, capture_time_us=now)
    return Signal(header=header, kind=kind, start_us=now, end_us=now, **body)


async def heard(listener: Listener, seconds: float = 0.5) -> list[dict[str, Any]]:
    got = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                got.append(await listener.get())
    return got


async def test_captions_and_hints(gateway: Gateway, bus: Bus) -> None:
    session, other = await gateway.create(), await gateway.create()
    live = gateway.context.sessions.get(session.id)
    assert live
    listener = live.subscribe()
    segment = TranscriptSegment(utterance=3, text="well", final=True)
    for to in (session, other):
        await bus.publish_signal(signal(to, Kind.KIND_VOICE, 0, transcript=segment))
    hint = Hint(
        header=Header(session_id=session.id, capture_time_us=now_us()),
        hint_id="h1",
        text="Slow down",
        show_ms=3_000,
    )
    await bus.publish_hint(hint)
    assert await heard(listener) == [
        {"type": "caption", "utterance": 3, "final": True, "text": "well"},
        hint_message(hint),
    ]
    live.unsubscribe(listener)


async def test_help_before_the_first_question(gateway: Gateway, bus: Bus) -> None:
    """About once a second, and no more once a question was asked."""
    session = await gateway.create()
    live = gateway.context.sessions.get(session.id)
    assert live
    listener = live.subscribe()
    for number in range(5):
        state = FaceState(frames=3, frames_with_face=3, faces=1, face_width=0.25)
        await bus.publish_signal(signal(session, Kind.KIND_FACE, number, face_state=state))
    await bus.publish_signal(
        signal(session, Kind.KIND_VOICE, 0, voice_state=VoiceState(loudness_dbfs=-30))
    )
    got = await heard(listener)
    assert [message["type"] for message in got] == ["picture", "sound"]
    assert got[0]["faces"] == 1
    assert got[0]["face_width"] == 0.25
    await session.post("question", {"question_id": session.created["questions"][0]["id"]})
    live._setup_shown.clear()
    state = FaceState(frames=3, frames_with_face=3, faces=1)
    await bus.publish_signal(signal(session, Kind.KIND_FACE, 9, face_state=state))
    assert [message["type"] for message in await heard(listener)] == ["question"]
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
    got = await heard(listener, 0.1)
    assert [message["number"] for message in got] == list(range(5, LISTENER_LIMIT + 5))
