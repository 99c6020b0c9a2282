"""Processes are killed in mid-session; the session goes on."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nats
import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Report
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import Signal

from loadtest.client import Client
from services.aggregator import report as reports
from services.aggregator.fold import Fold
from services.runtime.bus import STREAM, Bus, Recorded, SessionMessage
from services.runtime.settings import RuntimeSettings
from tests.system.conftest import BODY, Greenroom, ready, recording, replay
from tests.system.test_replay import DEMO, MEDIA_KINDS, check_accounting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TAKEOVER_S = 2.0
DURATION_S = 12.0
KILL_AFTER_S = 4.0


AFTER_START_S = 1.3
"""From a process's being ready to its first state: its lease, its subscription, a window."""


def ready_at_s(log: Path, program: str) -> float:
    """When a program was last ready, Unix seconds."""
    lines = [line for line in log.read_text().splitlines() if line.startswith(program)]
    events = [json.loads(line[line.index("{") :]) for line in lines if '"event": "ready"' in line]
    return datetime.fromisoformat(events[-1]["timestamp"]).timestamp()


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
    """Its signals flow again as soon as it has started, within two seconds where that takes one;
    those of the others never stopped."""
    states: dict[str, list[float]] = {"face": [], "gesture": [], "voice": []}
    killed_at = killed_wall_s = 0.0
    loop = asyncio.get_running_loop()

    async def during(client: Client) -> None:
        nonlocal killed_at, killed_wall_s
        async with bus_of(greenroom) as bus:
            listening = asyncio.create_task(signals_of(bus, client.session_id, DURATION_S - 2))
            await asyncio.sleep(KILL_AFTER_S)
            killed_at, killed_wall_s = loop.time(), time.time()
            await asyncio.to_thread(greenroom.kill, f"services.{kind}")
            for arrived, signal in await listening:
                if str(signal.WhichOneof("body")).endswith("_state"):
                    states[Kind.Name(signal.kind).removeprefix("KIND_").lower()].append(arrived)

    source = await recording(shared_data / DEMO)
    got = await replay(greenroom, source, duration_s=DURATION_S, during=during)
    check_accounting(got)
    # How long Python takes to start is the machine's; what comes after is Greenroom's.
    back_s = (
        await asyncio.to_thread(ready_at_s, greenroom.log, kind) - killed_wall_s + AFTER_START_S
    )
    listened_until = max(max(arrivals) for arrivals in states.values())
    for name, arrivals in states.items():
        gap = longest_gap_s(arrivals, killed_at, listened_until)
        # A state signal comes every 200 ms.
        assert gap < (max(TAKEOVER_S + 0.5, back_s) if name == kind else 1.0), (name, gap, back_s)


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


SESSIONS = 100
WARM_UP, WARM_UP_AT_ONCE = 48, 8
"""The first ones fill caches, pools and the allocator's arenas: after some forty a process has
its size. Several at once, so that no pool of threads or connections grows later on."""

MEMORY_GROWTH = 0.05
SETTLE_S = 60.0


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    threads: int
    files: int
    memory: int


@pytest.mark.timeout(400)
async def test_sessions_leave_nothing_behind(greenroom: Greenroom, shared_data: Path) -> None:
    """No thread, socket, file or consumer of the stream is left, and no memory."""
    source = await recording(shared_data / "video_grid/grid_brbk7n.mpg")
    modules = ["gateway", "services.aggregator"]
    modules += [f"services.{kind}" for kind in ("face", "gesture", "voice", "answers")]

    def count() -> dict[str, Held]:
        processes = {module: greenroom.process(module) for module in modules}
        return {
            module: Held(p.num_threads(), p.num_fds(), p.memory_info().rss)
            for module, p in processes.items()
        }

    async def sessions(number: int, at_once: int) -> None:
        left = iter(range(number))

        async def one_after_another() -> None:
            for _ in left:
                await replay(greenroom, source, duration_s=0.3)

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        await asyncio.sleep(2)  # closed sockets leave the table

    async def settled_consumers() -> int:
        """The server removes an ordered consumer some seconds after its reader went."""
        connection = await nats.connect(greenroom.nats_url)
        js = connection.jetstream()
        async with asyncio.timeout(SETTLE_S):
            while (count := (await js.stream_info(STREAM)).state.consumer_count) > 0:
                await asyncio.sleep(1)
        await connection.close()
        return int(count)

    await sessions(WARM_UP, WARM_UP_AT_ONCE)
    before = await asyncio.to_thread(count)
    await sessions(SESSIONS, at_once=1)
    after = await asyncio.to_thread(count)
    for module in modules:
        grown = after[module].memory / before[module].memory - 1
        print(f"{module}: {before[module]} -> {after[module]}, memory {grown:+.1%}")
    assert await settled_consumers() == 0
    for module in modules:
        assert after[module].threads <= before[module].threads + 1, module
        assert after[module].files <= before[module].files + 2, module
        assert after[module].memory <= before[module].memory * (1 + MEMORY_GROWTH), module
