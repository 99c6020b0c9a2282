"""Processes are killed in mid-session; the session goes on."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Report
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import Signal

from loadtest.client import Client
from services.aggregator import report as reports
from services.aggregator.fold import Fold
from services.runtime.bus import Bus, Recorded, SessionMessage
from services.runtime.settings import RuntimeSettings
from tests.system.conftest import BODY, Greenroom, ready, recording, replay
from tests.system.test_replay import DEMO, MEDIA_KINDS, check_accounting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TAKEOVER_S = 2.0
DURATION_S = 12.0
KILL_AFTER_S = 4.0


@contextlib.asynccontextmanager
async def bus_of(greenroom: Greenroom) -> AsyncIterator[Bus]:
    settings = RuntimeSettings(nats_url=greenroom.nats_url)
    async with await Bus.connect(settings, "test") as bus:
        yield bus


async def signals_of(bus: Bus, session_id: str, seconds: float) -> list[tuple[float, Signal]]:
    """(arrival by the loop's clock, signal) of all kinds during `seconds` from now."""
    loop = asyncio.get_running_loop()
    got: list[tuple[float, Signal]] = []

    async def take(message: SessionMessage) -> None:
        if isinstance(message, Signal):
            got.append((loop.time(), message))

    subscription = await bus.listen(f"signals.{session_id}.*", take)
    await asyncio.sleep(seconds)
    await subscription.unsubscribe()
    return got


def longest_gap_s(arrivals: list[float], start: float, end: float) -> float:
    inside = [start, *[t for t in arrivals if start <= t <= end], end]
    return max(after - before for before, after in itertools.pairwise(inside))


@pytest.mark.parametrize("kind", ["face", "gesture", "voice"])
async def test_a_killed_analyzer_is_replaced(
    greenroom: Greenroom, shared_data: Path, kind: str
) -> None:
    """Within two seconds its signals flow again; those of the others never stopped."""
    states: dict[str, list[float]] = {"face": [], "gesture": [], "voice": []}
    killed_at = 0.0
    loop = asyncio.get_running_loop()

    async def during(client: Client) -> None:
        nonlocal killed_at
        async with bus_of(greenroom) as bus:
            listening = asyncio.create_task(signals_of(bus, client.session_id, DURATION_S - 2))
            await asyncio.sleep(KILL_AFTER_S)
            killed_at = loop.time()
            await asyncio.to_thread(greenroom.kill, f"services.{kind}")
            for arrived, signal in await listening:
                if str(signal.WhichOneof("body")).endswith("_state"):
                    states[Kind.Name(signal.kind).removeprefix("KIND_").lower()].append(arrived)

    source = await recording(shared_data / DEMO)
    got = await replay(greenroom, source, duration_s=DURATION_S, during=during)
    check_accounting(got)
    listened_until = max(max(arrivals) for arrivals in states.values())
    for name, arrivals in states.items():
        gap = longest_gap_s(arrivals, killed_at, listened_until)
        # A state signal comes every 200 ms; a takeover needs up to two seconds, and its
        # first state another window.
        assert gap < (TAKEOVER_S + 0.5 if name == kind else 1.0), (name, gap)


async def test_a_killed_aggregator_writes_the_same_report(
    greenroom: Greenroom, shared_data: Path
) -> None:
    """Byte for byte what a fold over the whole stream gives."""

    async def during(client: Client) -> None:
        await asyncio.sleep(KILL_AFTER_S)
        await asyncio.to_thread(greenroom.kill, "services.aggregator")

    source = await recording(shared_data / DEMO)
    got = await replay(greenroom, source, duration_s=DURATION_S, during=during)
    check_accounting(got)
    fold = Fold(got.session_id)
    closed = asyncio.Event()

    async def take(recorded: Recorded) -> None:
        if not isinstance(recorded.message, Hint):
            fold.take(recorded.message)
        if fold.state.closed:
            closed.set()

    async with bus_of(greenroom) as bus, asyncio.timeout(20):
        subscription = await bus.follow(got.session_id, take)
        await closed.wait()
        await subscription.unsubscribe()
    again = await asyncio.to_thread(reports.write, fold.state, affect=True)
    assert isinstance(again, Report)
    assert reports.to_json(again) == got.json


async def test_a_killed_gateway_is_joined_again(greenroom: Greenroom, shared_data: Path) -> None:
    """A fresh offer with the same token goes on with the same session."""
    source = await recording(shared_data / DEMO)
    async with Client.create(greenroom.url, BODY) as client:
        await client.join(source, DURATION_S)
        await client.ask(client.created["questions"][0]["id"])
        await asyncio.sleep(KILL_AFTER_S)
        await asyncio.to_thread(greenroom.kill, "gateway")
        await client.drop()
        await ready(greenroom)
        await client.join(source, DURATION_S / 2)
        await client.until_sent()
        await client.end()
        report, _, _ = await client.report()
    kinds = {c["kind"]: c for c in report["coverage"]}
    for kind in MEDIA_KINDS:
        seen = kinds[kind]["accounting"]
        assert int(seen["received"]) == int(seen["processed"]) + sum(
            int(n) for n in seen.get("dropped", {}).values()
        )
    # Sound from before and after: more than either part alone could have given.
    assert int(kinds["KIND_VOICE"]["accounting"]["processed"]) > DURATION_S / 2 / 0.04 * 1.3


async def test_sessions_leave_nothing_behind(greenroom: Greenroom, shared_data: Path) -> None:
    """No thread, socket or file is left by sessions one after another."""
    source = await recording(shared_data / "video_grid/grid_brbk7n.mpg")

    def count() -> dict[str, tuple[int, int]]:
        modules = ["gateway", "services.aggregator"]
        modules += [f"services.{kind}" for kind in ("face", "gesture", "voice", "answers")]
        made: dict[str, tuple[int, int]] = {}
        for module in modules:
            process = greenroom.process(module)
            made[module] = (process.num_threads(), process.num_fds())
        return made

    async def short_session() -> None:
        await replay(greenroom, source, duration_s=0.5)

    # The first ones fill caches and pools.
    for _ in range(3):
        await short_session()
    before = await asyncio.to_thread(count)
    for _ in range(8):
        await short_session()
    await asyncio.sleep(2)  # closed sockets leave the table
    after = await asyncio.to_thread(count)
    for module, (threads, files) in after.items():
        assert threads <= before[module][0] + 1, module
        assert files <= before[module][1] + 2, module
