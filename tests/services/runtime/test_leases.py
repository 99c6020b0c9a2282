"""Leases against a real NATS: one holder, quick takeover, an orderly hand-over."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import SessionInfo

from services.runtime.bus import Bus
from services.runtime.leases import Lease, Leases
from services.runtime.settings import RuntimeSettings

TAKEOVER_S = 2.0
"""The design's bound."""


class Holder:
    """A worker whose work is to hold on until the session ends."""

    def __init__(self, bus: Bus, name: str, capacity: int = 4) -> None:
        self.held: set[str] = set()
        self.finished: set[str] = set()
        self.leases = Leases(bus, Kind.KIND_FACE, name, capacity, self._work)

    async def _work(self, lease: Lease) -> None:
        session_id = lease.info.session_id
        self.held.add(session_id)
        try:
            await lease.ended.wait()
            self.finished.add(session_id)
        finally:
            self.held.discard(session_id)


@asynccontextmanager
async def serving(holder: Holder) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(holder.leases.serve())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], patience_s: float = 3.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def session_id(bus: Bus) -> AsyncIterator[str]:
    session_id = secrets.token_hex(8)
    await put(bus, session_id)
    yield session_id
    await bus.purge(session_id)


async def put(bus: Bus, session_id: str, *, ended: bool = False, closed: bool = False) -> None:
    info = SessionInfo(session_id=session_id, ended=ended, closed=closed)
    await bus.sessions.put(session_id, info.SerializeToString())


async def test_one_of_two_workers_takes_a_session(bus: Bus, session_id: str) -> None:
    one, two = Holder(bus, "one"), Holder(bus, "two")
    async with serving(one), serving(two):
        await until(lambda: bool(one.held or two.held))
        await asyncio.sleep(1.0)
        assert len(one.held) + len(two.held) == 1


async def test_the_less_loaded_worker_takes_the_next_session(bus: Bus, session_id: str) -> None:
    busy = Holder(bus, "busy")
    async with serving(busy):
        await until(lambda: session_id in busy.held)
        idle = Holder(bus, "idle")
        async with serving(idle):
            await asyncio.sleep(0.7)  # both know of each other
            second = secrets.token_hex(8)
            await put(bus, second)
            await until(lambda: second in busy.held | idle.held)
            assert second in idle.held
            await bus.purge(second)


async def test_a_full_worker_does_not_ask(bus: Bus, session_id: str) -> None:
    full = Holder(bus, "full", capacity=1)
    async with serving(full):
        await until(lambda: session_id in full.held)
        second = secrets.token_hex(8)
        await put(bus, second)
        await asyncio.sleep(1.0)
        assert full.held == {session_id}
        await bus.purge(second)


async def test_a_worker_that_went_silent_loses_its_session(
    bus: Bus, settings: RuntimeSettings, session_id: str
) -> None:
    async with await Bus.connect(settings, "cut off") as cut_off:
        silent, heir = Holder(cut_off, "silent"), Holder(bus, "heir")
        async with serving(silent):
            await until(lambda: session_id in silent.held)
            async with serving(heir):
                await asyncio.sleep(0.5)
                assert session_id not in heir.held
                await cut_off.close()  # as SIGKILL would: no heartbeat, nothing let go
                await until(lambda: session_id in heir.held, TAKEOVER_S)


async def test_a_restarted_worker_takes_its_session_back_at_once(bus: Bus, session_id: str) -> None:
    before = Holder(bus, "same")
    async with serving(before):
        await until(lambda: session_id in before.held)
        after = Holder(bus, "same")
        async with serving(after):
            await until(lambda: session_id in after.held, 1.0)


async def test_an_orderly_stop_hands_over_at_once(bus: Bus, session_id: str) -> None:
    first = Holder(bus, "first")
    async with serving(first):
        await until(lambda: session_id in first.held)
    second = Holder(bus, "second")
    async with serving(second):
        await until(lambda: session_id in second.held, 1.0)


async def test_a_finished_session_is_not_taken_again(bus: Bus, session_id: str) -> None:
    first = Holder(bus, "first")
    async with serving(first):
        await until(lambda: session_id in first.held)
        await put(bus, session_id, ended=True)
        await until(lambda: session_id in first.finished and session_id not in first.held)
        await asyncio.sleep(0.3)
    second = Holder(bus, "second")
    async with serving(second):
        await asyncio.sleep(1.0)
        assert session_id not in second.held | second.finished


async def test_nothing_is_kept_of_a_closed_session(bus: Bus, session_id: str) -> None:
    """Also when its holder says that it has finished after it was closed, as the aggregator; and
    when it never heard that the session had ended before."""
    holder, other = Holder(bus, "holder"), Holder(bus, "other")
    async with serving(holder), serving(other):
        await until(lambda: session_id in holder.held | other.held)
        await put(bus, session_id, ended=True, closed=True)
        await until(lambda: not holder.leases._held and not other.leases._held)
        await until(lambda: not holder.held and not other.held)
        await until(lambda: not holder.leases._mine and not other.leases._mine)
        await asyncio.sleep(0.3)
        assert not holder.leases._held
        assert not other.leases._held


async def test_an_erased_session_is_let_go(bus: Bus, session_id: str) -> None:
    holder = Holder(bus, "holder")
    async with serving(holder):
        await until(lambda: session_id in holder.held)
        await bus.purge(session_id)
        await until(lambda: session_id not in holder.held)
        await asyncio.sleep(0.3)
        assert not holder.leases._held


async def test_a_lease_whose_confirmation_was_lost_is_taken_again(
    bus: Bus, session_id: str
) -> None:
    """The bucket names this worker, who knows nothing of it: nobody else would come."""
    holder = Holder(bus, "forgetful")
    record = holder.leases._me.model_dump_json().encode()
    await bus.leases.put(f"face.session.{session_id}", record)
    async with serving(holder):
        await until(lambda: session_id in holder.held)
