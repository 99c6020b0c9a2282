"""The bus against a real NATS: order, no doubles, nothing left after a purge."""

import asyncio
import secrets

import pytest
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import Hint, SessionEnded, SessionEvent, SessionInfo, SessionStarted
from greenroom.v1.signals_pb2 import FaceState, Signal
from nats.js.errors import KeyNotFoundError

from services.runtime.bus import Bus, Recorded


def signal(session_id: str, sequence: int) -> Signal:
    return Signal(
        header=Header(session_id=session_id, sequence=sequence),
        kind=Kind.KIND_FACE,
        face_state=FaceState(frames=sequence),
    )


def event(session_id: str) -> SessionEvent:
    return SessionEvent(header=Header(session_id=session_id), started=SessionStarted())


async def collect(bus: Bus, session_id: str, *, hints: bool = False) -> list[Recorded]:
    seen: list[Recorded] = []

    async def take(recorded: Recorded) -> None:
        seen.append(recorded)

    subscription = await bus.follow(session_id, take, hints=hints)
    await asyncio.sleep(0.3)
    await subscription.unsubscribe()
    return seen


async def test_a_replay_sees_one_order(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    await bus.publish_event(event(session_id))
    for sequence in range(5):
        await bus.publish_signal(signal(session_id, sequence))
    first, second = await collect(bus, session_id), await collect(bus, session_id)
    assert [recorded.message for recorded in first] == [recorded.message for recorded in second]
    assert [recorded.stream_sequence for recorded in first] == sorted(
        recorded.stream_sequence for recorded in first
    )
    assert len(first) == 6


async def test_the_same_message_is_stored_once(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    for _ in range(3):
        await bus.publish_signal(signal(session_id, 0))
        await bus.publish_hint(Hint(header=Header(session_id=session_id), hint_id="1"))
        await bus.publish_event(
            SessionEvent(header=Header(session_id=session_id), ended=SessionEnded()), "ended"
        )
    assert len(await collect(bus, session_id, hints=True)) == 3


async def test_the_last_sequence_is_known(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    subject = f"signals.{session_id}.face"
    assert await bus.last_sequence(subject) is None
    for sequence in range(3):
        await bus.publish_signal(signal(session_id, sequence))
    assert await bus.last_sequence(subject) == 2


async def test_purge_leaves_nothing(bus: Bus) -> None:
    session_id, other = secrets.token_hex(8), secrets.token_hex(8)
    for each in (session_id, other):
        await bus.sessions.put(each, SessionInfo(session_id=each).SerializeToString())
        await bus.publish_event(event(each))
        await bus.publish_signal(signal(each, 0))
        await bus.publish_hint(Hint(header=Header(session_id=each), hint_id="1"))
        await bus.leases.put(f"face.session.{each}", b"held")
    await bus.purge(session_id)
    assert await collect(bus, session_id, hints=True) == []
    with pytest.raises(KeyNotFoundError):
        await bus.sessions.get(session_id)
    with pytest.raises(KeyNotFoundError):
        await bus.leases.get(f"face.session.{session_id}")
    assert await bus.leases.get(f"face.session.{other}")
    assert len(await collect(bus, other, hints=True)) == 3
    await bus.purge(other)


async def test_purge_overwrites_what_was_said(
    bus: Bus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In the server's own files; of other sessions nothing is touched."""
    session_id, other = secrets.token_hex(8), secrets.token_hex(8)

    def left(said: str) -> int:
        files = tmp_path_factory.getbasetemp().rglob("*.blk")
        return sum(file.read_bytes().count(said.encode()) for file in files)

    for each in (session_id, other):
        for sequence in range(3):
            spoken = signal(each, sequence)
            spoken.kind = Kind.KIND_VOICE
            spoken.transcript.text = f"what {each} said"
            await bus.publish_signal(spoken)
    assert await asyncio.to_thread(left, f"what {session_id} said") == 3
    await bus.purge(session_id)
    assert await asyncio.to_thread(left, f"what {session_id} said") == 0
    assert await asyncio.to_thread(left, f"what {other} said") == 3
    assert len(await collect(bus, other)) == 3
    await bus.purge(other)


async def test_a_newer_or_broken_message_harms_nobody(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    unknown_field = b"\xfa\x3e\x03new"  # field 999, which this version does not know
    newer = signal(session_id, 0).SerializeToString() + unknown_field
    await bus._js.publish(f"signals.{session_id}.face", newer)
    await bus._js.publish(f"signals.{session_id}.face", b"\xff\xff no protobuf")
    await bus.publish_signal(signal(session_id, 1))
    seen = await collect(bus, session_id)
    assert [recorded.message.header.sequence for recorded in seen] == [0, 1]
    await bus.purge(session_id)


async def test_questions_and_answers(bus: Bus) -> None:
    """Whoever answers is heard; that nobody does is known at once."""
    assert await bus.ask("gateway.nobody", patience_s=60) is None
    subscription = await bus.answer("gateway.s1", lambda: b"here")
    assert await bus.ask("gateway.s1") == b"here"
    await subscription.unsubscribe()
    assert await bus.ask("gateway.s1", patience_s=60) is None
