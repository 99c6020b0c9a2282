"""Processes are killed in mid-session; the session goes on."""

import asyncio
import itertools
import json
import time
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
from loadtest.recording import Recording
from services.aggregator import report as reports
from services.aggregator.fold import Fold
from services.runtime.bus import STREAM, Bus, Recorded, SessionMessage, now_us
from services.runtime.media import CHUNK_SAMPLES, SAMPLE_RATE
from tests.system.conftest import BODY, Greenroom, bus_of, ready, recording, replay
from tests.system.test_replay import ANALYZERS, DEMO, MEDIA_KINDS, check_accounting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TAKEOVER_S = 2.0
DURATION_S = 12.0
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE
KILL_AFTER_S = 4.0


AFTER_START_S = 1.3
"""From a process's being ready to its first state: its lease, its subscription, a window."""

KILLS = 3
"""The machine may stand still just when a process comes back, but not each time."""

MEDIA = {kind.removeprefix("KIND_").lower() for kind in MEDIA_KINDS}


def ready_at_s(log: Path, program: str) -> float:
    """When a program was last ready, Unix seconds."""
    lines = [line for line in log.read_text().splitlines() if line.startswith(program)]
    events = [json.loads(line[line.index("{") :]) for line in lines if '"event": "ready"' in line]
    return datetime.fromisoformat(events[-1]["timestamp"]).timestamp()


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


@dataclass
class Killed:
    """What was heard of a session in which an analyzer was killed."""

    at: float
    """By the loop's clock."""
    wall_s: float
    dead_us: int
    """Unix microseconds: what went out later, another process said."""
    signals: list[tuple[float, Signal]]

    def of(self, kind: str) -> list[tuple[float, Signal]]:
        number = Kind.Value(f"KIND_{kind.upper()}")
        return [(at, signal) for at, signal in self.signals if signal.kind == number]

    def longest_gap_s(self, kind: str) -> float:
        """Between its states, from the kill on, as long as any kind's come."""
        states = [(at, signal) for at, signal in self.signals if is_state(signal)]
        end = max(at for at, _ in states)
        own = [at for at, signal in self.of(kind) if is_state(signal)]
        return longest_gap_s(own, self.at, end)

    def was_taken_over(self, kind: str) -> bool:
        """Its states came again. When none did while it was listened to, the gap may still be
        shorter than a slow start."""
        return any(
            is_state(signal) and signal.trace.emitted_us > self.dead_us
            for _, signal in self.of(kind)
        )


def is_state(signal: Signal) -> bool:
    return str(signal.WhichOneof("body")).endswith("_state")


async def kill_in_mid_session(greenroom: Greenroom, source: Recording, kind: str) -> Killed:
    killed: list[Killed] = []

    async def during(client: Client) -> None:
        loop = asyncio.get_running_loop()
        async with bus_of(greenroom) as bus:
            listening = asyncio.create_task(signals_of(bus, client.session_id, DURATION_S - 2))
            await asyncio.sleep(KILL_AFTER_S)
            at, wall_s = loop.time(), time.time()
            await asyncio.to_thread(greenroom.kill, f"services.{kind}")
            dead_us = now_us()
            killed.append(Killed(at, wall_s, dead_us, await listening))

    got = await replay(greenroom, source, duration_s=DURATION_S, during=during)
    check_accounting(got, surely=ANALYZERS - {f"KIND_{kind.upper()}"})
    return killed[0]


def check_that_it_never_stopped(killed: Killed, kind: str) -> None:
    """One worker under one lease said all that there was to say, before the kill and after."""
    told = [signal for _, signal in killed.of(kind)]
    assert len({s.accounting.lease for s in told if s.HasField("accounting")}) == 1
    assert len({signal.trace.worker for signal in told}) == 1
    # The bus may tell one twice.
    numbers = {s.header.sequence for s in told if not s.HasField("accounting")}
    assert len(numbers) == max(numbers) - min(numbers) + 1
    states = [signal.start_us / 1e6 for signal in told if is_state(signal)]
    assert min(states) < killed.wall_s < max(states)


@pytest.mark.parametrize("kind", sorted(MEDIA))
async def test_a_killed_analyzer_is_replaced(
    greenroom: Greenroom, shared_data: Path, kind: str
) -> None:
    """Its signals flow again as soon as it has started, within two seconds where that takes one;
    those of the others never stopped."""
    source = await recording(shared_data / DEMO)
    late: list[tuple[bool, float, float]] = []
    while len(late) < KILLS:
        killed = await kill_in_mid_session(greenroom, source, kind)
        for other in MEDIA - {kind}:
            check_that_it_never_stopped(killed, other)
        # How long Python takes to start is the machine's; what comes after is Greenroom's.
        ready_s = await asyncio.to_thread(ready_at_s, greenroom.log, kind)
        back_s = ready_s - killed.wall_s + AFTER_START_S
        gap_s, most_s = killed.longest_gap_s(kind), max(TAKEOVER_S + 0.5, back_s)
        taken = killed.was_taken_over(kind)
        if taken and gap_s < most_s:
            return
        late.append((taken, gap_s, most_s))
    pytest.fail(f"after no kill taken over in time: {late}")


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
    assert int(kinds["KIND_VOICE"]["accounting"]["processed"]) > DURATION_S / 2 / CHUNK_S * 1.3


SESSIONS, LEAST_SESSIONS = 100, 40
SESSIONS_S = 150.0
"""As many as fit into this, but no fewer than the least: what each leaves behind adds up."""

WARM_UP, WARM_UP_AT_ONCE = 48, 8
"""The first ones fill caches, pools and the allocator's arenas: after some forty a process has
its size. Several at once, so that no pool of threads or connections grows later on."""

MEMORY_GROWTH = 0.05
SETTLE_S = 60.0


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    pid: int
    threads: int
    files: int
    memory: int


def over(before: dict[str, Held], after: dict[str, Held]) -> list[str]:
    """The modules that hold more than they did."""
    return [
        f"{module}: {before[module]} -> {held}"
        for module, held in after.items()
        if held.pid != before[module].pid
        or held.threads > before[module].threads + 1
        or held.files > before[module].files + 2
        or held.memory > before[module].memory * (1 + MEMORY_GROWTH)
    ]


@pytest.mark.timeout(900)
async def test_sessions_leave_nothing_behind(greenroom: Greenroom, shared_data: Path) -> None:
    """No thread, socket, file or consumer of the stream is left, and no memory."""
    source = await recording(shared_data / "video_grid/grid_brbk7n.mpg")
    modules = ["gateway", "services.aggregator"]
    modules += [f"services.{kind}" for kind in ("face", "gesture", "voice", "answers")]

    def count() -> dict[str, Held]:
        processes = {module: greenroom.process(module) for module in modules}
        return {
            module: Held(p.pid, p.num_threads(), p.num_fds(), p.memory_info().rss)
            for module, p in processes.items()
        }

    async def one() -> None:
        await replay(greenroom, source, duration_s=0.3)

    async def warm_up() -> None:
        left = iter(range(WARM_UP))

        async def one_after_another() -> None:
            for _ in left:
                await one()

        await asyncio.gather(*(one_after_another() for _ in range(WARM_UP_AT_ONCE)))

    async def no_consumers() -> None:
        """The server removes an ordered consumer some seconds after its reader went; by then
        closed sockets have left the table too."""
        connection = await nats.connect(greenroom.nats_url)
        js = connection.jetstream()
        async with asyncio.timeout(SETTLE_S):
            while (await js.stream_info(STREAM)).state.consumer_count > 0:
                await asyncio.sleep(1)
        await connection.close()

    await warm_up()
    await no_consumers()
    before = await asyncio.to_thread(count)
    began, number = time.monotonic(), 0
    while number < LEAST_SESSIONS or (number < SESSIONS and time.monotonic() - began < SESSIONS_S):
        await one()
        number += 1
    await no_consumers()
    deadline = time.monotonic() + SETTLE_S
    after = await asyncio.to_thread(count)
    while over(before, after) and time.monotonic() < deadline:
        await asyncio.sleep(1)
        after = await asyncio.to_thread(count)
    for module in modules:
        grown = after[module].memory / before[module].memory - 1
        print(f"{module}: {before[module]} -> {after[module]}, memory {grown:+.1%}")
    assert not over(before, after), f"after {number} sessions"
