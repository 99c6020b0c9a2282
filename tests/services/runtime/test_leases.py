"""Leases against a real NATS: one holder, quick takeover, an orderly hand-over."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import SessionInfo

from services.runtime import tasks
from services.runtime.bus import Bus
from services.runtime.leases import EXPIRY, HEARTBEAT_S, Lease, LeaseRecord, Leases
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


PATIENCE_S = 20.0
"""How long a test waits for what should come: it says nothing of how soon."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
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
            both = {"busy", "idle"}  # know of each other
            await until(lambda: both <= busy.leases._beats.keys() & idle.leases._beats.keys())
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


def test_a_dead_workers_sessions_are_taken_over_in_time() -> None:
    """At the latest by the heir's first heartbeat after the expiry."""
    assert EXPIRY.total_seconds() + HEARTBEAT_S < TAKEOVER_S


@dataclass(frozen=True)
class Written:
    """An entry of the bucket, and when the server took it."""

    key: str
    worker: str
    at: datetime


async def write_down(bus: Bus, entries: list[Written]) -> None:
    """Until cancelled, every lease and heartbeat."""
    async for entry in bus.watch(bus.leases, "face.>"):
        if entry is not None and entry.value:
            worker = LeaseRecord.model_validate_json(entry.value).worker
            entries.append(Written(entry.key, worker, cast(datetime, entry.created)))


async def test_a_worker_that_went_silent_loses_its_session(
    bus: Bus, settings: RuntimeSettings, session_id: str
) -> None:
    """Judged by the server's clock: when the lease had expired, and not before."""
    entries: list[Written] = []
    writing = asyncio.create_task(write_down(bus, entries))
    async with await Bus.connect(settings, "cut off") as cut_off:
        silent, heir = Holder(cut_off, "silent"), Holder(bus, "heir")
        async with serving(silent):
            await until(lambda: session_id in silent.held)
            async with serving(heir):
                await asyncio.sleep(0.5)  # it sees one that lives
                await cut_off.close()  # as SIGKILL would: no heartbeat, nothing let go
                await until(lambda: session_id in heir.held)
                lease = (f"face.session.{session_id}", "heir")
                await until(lambda: lease in {(entry.key, entry.worker) for entry in entries})
    await tasks.end([writing])
    [taken] = [entry.at for entry in entries if (entry.key, entry.worker) == lease]
    beats = [entry for entry in entries if entry.key.startswith("face.worker.")]
    expired = max(e.at for e in beats if e.worker == "silent" and e.at < taken) + EXPIRY
    assert taken >= expired
    # It learns by its own heartbeat what time it is. A second one goes out before it asks when
    # the machine stood still between the two.
    assert sum(expired <= e.at < taken for e in beats if e.worker == "heir") in (1, 2)


@pytest.fixture
def no_lease_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a test lasts."""
    monkeypatch.setattr("services.runtime.leases.EXPIRY", timedelta(minutes=1))


@pytest.mark.usefixtures("no_lease_expires")
async def test_a_restarted_worker_takes_its_session_back_at_once(bus: Bus, session_id: str) -> None:
    before = Holder(bus, "same")
    async with serving(before):
        await until(lambda: session_id in before.held)
        after = Holder(bus, "same")
        async with serving(after):
            await until(lambda: session_id in after.held)


@pytest.mark.usefixtures("no_lease_expires")
async def test_an_orderly_stop_hands_over_at_once(bus: Bus, session_id: str) -> None:
    first = Holder(bus, "first")
    async with serving(first):
        await until(lambda: session_id in first.held)
    second = Holder(bus, "second")
    async with serving(second):
        await until(lambda: session_id in second.held)


class Talkative(Holder):
    """Has something to say still when its work is ended, until `said`."""

    def __init__(self, bus: Bus, name: str) -> None:
        super().__init__(bus, name)
        self.ending = False
        self.said = asyncio.Event()

    async def _work(self, lease: Lease) -> None:
        try:
            await super()._work(lease)
            await self.said.wait()
        except asyncio.CancelledError:
            self.ending = True
            await self.said.wait()
            raise


@pytest.fixture
def no_last_words_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.leases.CLEANING_S", 60.0)


@pytest.mark.usefixtures("no_lease_expires", "no_last_words_are_cut_off")
async def test_the_next_worker_does_not_wait_for_the_last_words(bus: Bus, session_id: str) -> None:
    first, second = Talkative(bus, "first"), Holder(bus, "second")
    async with serving(first) as stopped:
        await until(lambda: session_id in first.held)
        async with serving(second):
            stopped.cancel()
            await until(lambda: session_id in second.held)
            assert first.ending
            first.said.set()


@pytest.mark.usefixtures("no_last_words_are_cut_off")
async def test_of_a_session_that_has_ended_the_last_words_come_first(
    bus: Bus, session_id: str
) -> None:
    """Else the next worker, who has nothing to say, would say that all is said."""
    first, second = Talkative(bus, "first"), Holder(bus, "second")
    async with serving(first) as stopped:
        await until(lambda: session_id in first.held)
        await put(bus, session_id, ended=True)
        await until(lambda: session_id in first.finished)
        async with serving(second):
            stopped.cancel()
            await until(lambda: first.ending)
            await asyncio.sleep(EXPIRY.total_seconds() + 2 * HEARTBEAT_S)
            assert session_id not in second.finished
            first.said.set()
            await until(lambda: session_id in second.finished)


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
