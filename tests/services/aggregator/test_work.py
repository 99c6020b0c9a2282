"""A session in the aggregator's hands, over the real NATS server and a real database."""

import asyncio
from pathlib import Path

import grpc
import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import EraseRequest, Report
from greenroom.v1.report_pb2_grpc import ReportServiceStub
from greenroom.v1.session_pb2 import Hint, SessionEnded, SessionEvent, SessionInfo

from services.aggregator import work
from services.aggregator.fold import Fold
from services.aggregator.report import to_json, write
from services.aggregator.rpc import ReportRpc
from services.aggregator.store import Store
from services.aggregator.work import SessionWork
from services.runtime import tasks
from services.runtime.bus import Bus, Recorded
from services.runtime.leases import Lease, Leases
from tests.services.aggregator.conftest import OpenStore
from tests.services.aggregator.streams import (
    Message,
    event,
    face,
    in_order,
    opening,
    speech,
    voice,
)
from tests.services.aggregator.test_rpc import serving

CANDIDATE = "candidate"


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No analyzer runs here that could send its last words."""
    monkeypatch.setattr(work, "FINISH_PATIENCE_S", 0.3)


def stream(session_id: str) -> list[Message]:
    """24 s with eye contact and a good pace: one hint."""
    said = [*voice(0, 24), *face(0, 24, eye_contact=0.95), speech(0, 140, 54)]
    messages = [*opening(), *in_order(said), event(24, ended=SessionEnded())]
    for number, message in enumerate(messages):
        message.header.session_id = session_id
        message.header.sequence = number
    return messages


async def begin(bus: Bus, session_id: str) -> Lease:
    info = SessionInfo(session_id=session_id, candidate_id=CANDIDATE)
    await bus.sessions.put(session_id, info.SerializeToString())
    return Lease(info, 1)


async def say(bus: Bus, messages: list[Message]) -> None:
    for message in messages:
        if isinstance(message, SessionEvent):
            await bus.publish_event(message)
        else:
            await bus.publish_signal(message)


async def recorded(bus: Bus, session_id: str) -> list[Message | Hint]:
    """The session's stream, hints and all, up to its close."""
    found: list[Message | Hint] = []
    closed = asyncio.Event()

    async def take(message: Recorded) -> None:
        found.append(message.message)
        if isinstance(message.message, SessionEvent) and message.message.HasField("closed"):
            closed.set()

    subscription = await bus.follow(session_id, take, hints=True)
    async with asyncio.timeout(10):
        await closed.wait()
    await subscription.unsubscribe()
    return found


async def test_a_session_from_its_stream_to_its_report(
    bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    session_id = "work-whole"
    async with open_store(tmp_path / "reports.db") as store:
        lease = await begin(bus, session_id)
        await say(bus, stream(session_id))
        lease.ended.set()
        await SessionWork(bus, store, lease, affect=True).run()
        stored = await store.get(session_id)
    kept = await recorded(bus, session_id)
    hints = [message for message in kept if isinstance(message, Hint)]
    assert len(hints) == 1
    assert hints[0].decided_us
    fold = Fold(session_id)
    for message in kept:
        if not isinstance(message, Hint):
            fold.take(message)
    assert stored
    assert stored.json.decode() == to_json(write(fold.state, affect=True))
    entry = await bus.sessions.get(session_id)
    assert SessionInfo.FromString(entry.value or b"").closed


async def test_an_aggregator_that_dies_is_replaced_byte_for_byte(
    bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    session_id = "work-killed"
    async with open_store(tmp_path / "reports.db") as store:
        lease = await begin(bus, session_id)
        messages = stream(session_id)
        first = asyncio.create_task(SessionWork(bus, store, lease, affect=True).run())
        await say(bus, messages[:-5])
        await _until_hint(bus, session_id)
        first.cancel()
        await asyncio.wait([first])
        await say(bus, messages[-5:])
        lease.ended.set()
        await SessionWork(bus, store, lease, affect=True).run()
        one = await store.get(session_id)
        await SessionWork(bus, store, lease, affect=True).run()
        two = await store.get(session_id)
    assert one
    assert two
    assert one.json == two.json
    hints = [m for m in await recorded(bus, session_id) if isinstance(m, Hint)]
    assert [hint.header.sequence for hint in hints] == [0]


async def _until_hint(bus: Bus, session_id: str) -> None:
    async with asyncio.timeout(10):
        while await bus.last_sequence(f"hints.{session_id}") is None:
            await asyncio.sleep(0.05)


async def test_what_was_erased_meanwhile_leaves_no_report(
    bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    session_id = "work-erased"
    async with open_store(tmp_path / "reports.db") as store:
        lease = await begin(bus, session_id)
        await say(bus, stream(session_id))
        lease.ended.set()
        await bus.sessions.purge(session_id)
        await SessionWork(bus, store, lease, affect=True).run()
        assert await store.get(session_id) is None
    assert await bus.last_sequence(f"events.{session_id}") is None


@pytest.mark.parametrize("of", ["session", "candidate"])
async def test_a_report_that_is_stored_while_its_session_is_erased_goes_too(
    of: str, bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    """The session is finished, report and all, between the erasing of rows and of streams."""
    session_id = f"work-erased-{of}"

    class Overtaken(Store):
        overtakes = True

        async def erase(self, *, session_id: str = "", candidate_id: str = "") -> list[str]:
            gone = await super().erase(session_id=session_id, candidate_id=candidate_id)
            if self.overtakes:
                self.overtakes = False
                await SessionWork(bus, self, lease, affect=True).run()
                assert await self.get(lease.info.session_id)
            return gone

    async with open_store(tmp_path / "reports.db", Overtaken) as store:
        lease = await begin(bus, session_id)
        await say(bus, stream(session_id))
        lease.ended.set()
        servicer = ReportRpc(affect=True)
        servicer.connect(bus, store)
        request = {"session": EraseRequest(session_id=session_id)}
        request["candidate"] = EraseRequest(candidate_id=CANDIDATE)
        async with serving(servicer) as address, grpc.aio.insecure_channel(address) as channel:
            await ReportServiceStub(channel).Erase(request[of])
        assert await store.get(session_id) is None
    assert await bus.last_sequence(f"events.{session_id}") is None


async def test_work_that_is_ended_by_an_erasure_does_not_leave_its_report(
    bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    """The session goes when its report has just been stored."""
    session_id = "work-erased-late"
    leases: list[Lease] = []

    class Erased(Store):
        async def put(self, candidate_id: str, report: Report) -> None:
            await super().put(candidate_id, report)
            await bus.sessions.purge(session_id)
            while not leases[0].erased:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0)  # here the work is told to end

    async with open_store(tmp_path / "reports.db", Erased) as store:

        async def run(lease: Lease) -> None:
            leases.append(lease)
            await SessionWork(bus, store, lease, affect=True).run()

        await say(bus, stream(session_id))
        info = SessionInfo(session_id=session_id, candidate_id=CANDIDATE, ended=True)
        await bus.sessions.put(session_id, info.SerializeToString())
        holder = asyncio.create_task(
            Leases(bus, Kind.KIND_AGGREGATOR, "work-erased", 1, run).serve()
        )
        async with asyncio.timeout(20):
            while not (leases and leases[0].erased and leases[0].task and leases[0].task.done()):
                await asyncio.sleep(0.05)
        await tasks.end([holder])
        assert await store.get(session_id) is None
    assert await bus.last_sequence(f"events.{session_id}") is None


async def test_later_practices_compare_with_earlier_ones(
    bus: Bus, tmp_path: Path, open_store: OpenStore
) -> None:
    async with open_store(tmp_path / "reports.db") as store:
        for number in range(2):
            session_id = f"work-history-{number}"
            lease = await begin(bus, session_id)
            messages = stream(session_id)
            for message in messages:
                if isinstance(message, SessionEvent):
                    message.header.capture_time_us += number  # a later start
            await say(bus, messages)
            lease.ended.set()
            await SessionWork(bus, store, lease, affect=True).run()
        assert [await _baseline_reports(store, number) for number in range(2)] == [0, 1]


async def _baseline_reports(store: Store, number: int) -> int:
    stored = await store.get(f"work-history-{number}")
    assert stored
    return Report.FromString(stored.message).baseline.reports
