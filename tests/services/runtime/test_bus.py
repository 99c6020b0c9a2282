"""The bus against a real NATS: order, no doubles, nothing left after a purge."""

import asyncio
import gc
import secrets
import weakref

import nats.errors
import pytest
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import (
    Hint,
    MediaConnected,
    SessionEnded,
    SessionEvent,
    SessionInfo,
    SessionStarted,
)
from greenroom.v1.signals_pb2 import FaceState, Signal
from nats.js.errors import KeyNotFoundError

from deploy.ports import free_port, listens
from services.runtime.bus import LEASES_BUCKET, SESSIONS_BUCKET, STREAM, Bus, Recorded
from services.runtime.settings import RuntimeSettings
from tests.conftest import NATS_SERVER
from tests.stream import held


def signal(session_id: str, sequence: int) -> Signal:
    return Signal(
        header=Header(session_id=session_id, sequence=sequence),
        kind=Kind.KIND_FACE,
        face_state=FaceState(frames=sequence),
    )


def event(session_id: str) -> SessionEvent:
    return SessionEvent(header=Header(session_id=session_id), started=SessionStarted())


async def test_a_replay_sees_one_order(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    await bus.publish_event(event(session_id))
    for sequence in range(5):
        await bus.publish_signal(signal(session_id, sequence))
    first, second = await held(bus, session_id), await held(bus, session_id)
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
    assert len(await held(bus, session_id, hints=True)) == 3


async def test_two_workers_that_count_alike_are_both_heard(bus: Bus) -> None:
    """One that lost its lease says its last while the next one has begun."""
    session_id = secrets.token_hex(8)
    for worker in ("before", "after", "after"):
        said = signal(session_id, 0)
        said.trace.worker = worker
        await bus.publish_signal(said)
    assert len(await held(bus, session_id)) == 2
    await bus.purge(session_id)


async def test_the_newest_message_is_known_to_be_it(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    for sequence in range(3):
        await bus.publish_signal(signal(session_id, sequence))
    assert [recorded.pending for recorded in await held(bus, session_id)] == [2, 1, 0]
    await bus.purge(session_id)


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
    assert await held(bus, session_id, hints=True) == []
    with pytest.raises(KeyNotFoundError):
        await bus.sessions.get(session_id)
    with pytest.raises(KeyNotFoundError):
        await bus.leases.get(f"face.session.{session_id}")
    assert await bus.leases.get(f"face.session.{other}")
    assert len(await held(bus, other, hints=True)) == 3
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
    assert len(await held(bus, other)) == 3
    await bus.purge(other)


async def test_a_newer_or_broken_message_harms_nobody(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    unknown_field = b"\xfa\x3e\x03new"  # field 999, which this version does not know
    newer = signal(session_id, 0).SerializeToString() + unknown_field
    await bus._js.publish(f"signals.{session_id}.face", newer)
    await bus._js.publish(f"signals.{session_id}.face", b"\xff\xff no protobuf")
    await bus.publish_signal(signal(session_id, 1))
    seen = await held(bus, session_id, unreadable=1)
    assert [recorded.message.header.sequence for recorded in seen] == [0, 1]
    await bus.purge(session_id)


async def test_questions_and_answers(bus: Bus) -> None:
    """Whoever answers is heard; that nobody does is known at once."""
    assert await bus.ask("gateway.nobody", patience_s=60) is None
    subscription = await bus.answer("gateway.s1", lambda: b"here")
    assert await bus.ask("gateway.s1") == b"here"
    await subscription.unsubscribe()
    assert await bus.ask("gateway.s1", patience_s=60) is None


async def test_other_settings_are_taken_over_but_not_a_guests(
    bus: Bus, settings: RuntimeSettings
) -> None:
    """A deployment that is told another age keeps its sessions, and gets the age."""
    session_id = secrets.token_hex(8)
    await bus.publish_event(event(session_id))

    async def ages() -> set[float]:
        names = (STREAM, f"KV_{SESSIONS_BUCKET}", f"KV_{LEASES_BUCKET}")
        infos = [await bus._js.stream_info(name) for name in names]
        return {info.config.max_age or 0.0 for info in infos}

    assert await ages() == {settings.stream_max_age_hours * 3600}
    other = settings.model_copy(update={"stream_max_age_hours": 2})
    async with await Bus.connect(other, "guest", keep=False):
        assert await ages() == {settings.stream_max_age_hours * 3600}
    async with await Bus.connect(other, "owner"):
        assert await ages() == {2 * 3600}
    assert len(await held(bus, session_id)) == 1
    async with await Bus.connect(settings, "owner"):
        assert await ages() == {settings.stream_max_age_hours * 3600}


async def test_a_server_without_jetstream_keeps_no_connection() -> None:
    port = free_port()
    server = await asyncio.create_subprocess_exec(NATS_SERVER, "-a", "127.0.0.1", "-p", str(port))
    try:
        connections: list[Bus] = []
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(listens, port):
                await asyncio.sleep(0.02)
        for keep in (True, False):
            with pytest.raises(nats.errors.Error):
                connections.append(
                    await Bus.connect(
                        RuntimeSettings(nats_url=f"nats://127.0.0.1:{port}"), "test", keep=keep
                    )
                )
        assert connections == []  # what was opened leaves no task behind: see no_leaked_tasks
    finally:
        server.terminate()
        await server.wait()


async def test_who_followed_a_session_is_let_go_of(bus: Bus) -> None:
    """At once, not with the next full garbage collection: a session's state is a megabyte."""

    class Follower:
        async def take(self, recorded: Recorded) -> None:
            """Takes nothing."""

    session_id = secrets.token_hex(8)
    await bus.publish_event(event(session_id))
    follower = Follower()
    gone = weakref.ref(follower)
    gc.collect()
    gc.disable()
    try:
        subscription = await bus.follow(session_id, follower.take)
        await asyncio.sleep(0.1)
        await subscription.unsubscribe()
        del follower
        await asyncio.sleep(0.1)
        assert gone() is None
    finally:
        gc.enable()


async def test_what_is_said_while_a_session_is_erased_goes_too(bus: Bus) -> None:
    """By a worker that has not yet heard of it."""
    session_id = secrets.token_hex(8)
    await bus.sessions.put(session_id, SessionInfo(session_id=session_id).SerializeToString())
    await bus.publish_event(event(session_id))
    erasing = asyncio.create_task(bus.purge(session_id))
    async with asyncio.timeout(5):
        while True:
            try:
                await bus.sessions.get(session_id)
            except KeyNotFoundError:
                break
    await bus.publish_signal(signal(session_id, 0))
    assert not erasing.done()
    await erasing
    assert await held(bus, session_id) == []


async def test_whether_a_session_has_begun(bus: Bus) -> None:
    session_id = secrets.token_hex(8)
    assert not await bus.has_begun(session_id)
    await bus.publish_event(event(session_id))
    assert not await bus.has_begun(session_id)
    await bus.publish_event(
        SessionEvent(header=Header(session_id=session_id), media_connected=MediaConnected())
    )
    assert await bus.has_begun(session_id)
