"""A load test: sessions that ramp up, run together, and end together."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import nats.errors
import uvloop
from greenroom.v1.capture_pb2 import Captured, CaptureStarted

from loadtest import measure
from loadtest.bus_replay import BusSession
from loadtest.expected import Expectation
from loadtest.processes import Endpoint, Snapshot, another, growth, scrape
from loadtest.profile import PROFILES
from loadtest.recording import Recording
from loadtest.result import Options, Point, ProcessResult, Result, SessionResult
from loadtest.session import LoadSession, Target
from loadtest.slo import Objective, judge
from loadtest.stages import (
    MAX_PLAUSIBLE_MS,
    MIN_ESTIMATED_MS,
    MIN_PLAUSIBLE_MS,
    BusError,
    BusTap,
    Stages,
    without_user,
)
from loadtest.watch import SelfWatch
from loadtest.whip import Network
from services.runtime import tasks
from services.runtime.bus import Bus
from services.runtime.settings import RuntimeSettings

SETTLE_S = 2.0
"""After the last session has joined, before the steady part begins."""

LEAVE_S = 10.0
"""For a session that is broken off to get its report or leave its connection."""

STOPS = (signal.SIGINT, signal.SIGTERM)
"""What breaks a run off: a person's Ctrl-C, a scheduler's end of patience."""

TICK_S = 1.0
SCRAPE_S = 2.0


class RunError(RuntimeError):
    """The run says nothing; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What to run."""

    target: Target
    recordings: list[Recording]
    options: Options
    nats_url: str = ""
    endpoints: list[Endpoint] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=list)
    expectations: dict[Path, Expectation] = field(default_factory=dict)
    """By the recording's file."""
    network: Network = field(default_factory=Network)
    """Its profile and seed are the options'."""
    capture: tuple[CaptureStarted, list[Captured]] | None = None
    """Published to NATS in the place of WebRTC clients."""


@dataclass(frozen=True)
class Status:
    """The run at this moment, for whoever shows it."""

    elapsed_s: float
    total_s: float
    connected: int
    asked: int
    refused: int
    failed: int
    hints: int
    lag_ms: float
    stages: Stages
    session_id: str = ""
    """Of the first session that is connected, for greenroom record."""


Show = Callable[[Status], None]


def run(plan: Plan, show: Show = lambda _: None) -> Result:
    """Raises RunError, BusError."""
    return uvloop.run(LoadTest(plan, show).run())


class LoadTest:
    """One run of one plan."""

    def __init__(self, plan: Plan, show: Show = lambda _: None) -> None:
        self._plan = plan
        self._show = show
        self._stages = Stages()
        self._watch = SelfWatch()
        self._sessions: list[LoadSession | BusSession] = []
        self._points: list[Point] = []
        self._snapshots: list[tuple[float, float, dict[str, Snapshot]]] = []
        """(monotonic time, own CPU seconds, by process)."""
        self._latest: dict[str, Snapshot] = {}
        self._several: set[str] = set()
        """Names at whose URL more than one process answered."""
        self._items = Counter[tuple[str, str, str]]()
        self._ending = False
        self._broken_off = False

    async def run(self) -> Result:
        options = self._plan.options
        async with contextlib.AsyncExitStack() as stack:
            tap = None
            if self._plan.nats_url:
                tap = await stack.enter_async_context(BusTap(self._plan.nats_url, self._stages))
            http = await stack.enter_async_context(httpx.AsyncClient())
            bus = None
            if self._plan.capture is not None:
                bus = await stack.enter_async_context(await self._bus())
            if not self._plan.target.whip:
                await self._stages.clocks.ask(http, f"{self._plan.target.url}/healthz")
            before = await self._first_look(http)
            await stack.enter_async_context(self._watch)
            stack.enter_context(self._stoppable())
            started = time.monotonic()
            running = [
                asyncio.create_task(self._one(number, tap, bus))
                for number in range(options.sessions)
            ]
            steady = started + options.ramp_s + SETTLE_S
            end = started + options.ramp_s + options.duration_s
            try:
                await self._watch_over(http, started, end, running)
                ended = time.monotonic()
                self._ending = True
                await self._let_end(running)
            finally:
                await tasks.end(running, LEAVE_S)
            after = await self._scrape(http)
            for name, snapshot in after.items():
                self._items.update(growth(before.get(name, Snapshot()), snapshot).items)
        result = self._result(started, min(steady, ended), ended)
        if self._broken_off:
            result.break_off(
                f"the run was broken off after {ended - started:.0f} of {end - started:.0f} s: "
                "reports may be missing"
            )
        return result

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Inside, the first of STOPS ends the run with what it measured, the next one all."""
        loop = asyncio.get_running_loop()

        def let_go() -> None:
            for number in STOPS:
                loop.remove_signal_handler(number)

        def stop() -> None:
            self._broken_off = True
            let_go()

        for number in STOPS:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            let_go()

    async def _bus(self) -> Bus:
        url = self._plan.nats_url
        try:
            return await Bus.connect(RuntimeSettings(nats_url=url), "loadtest", keep=False)
        except (nats.errors.Error, OSError) as error:
            raise BusError(
                f"NATS at {without_user(url)} has no Greenroom's sessions ({error!r}): is it the "
                "deployment's?"
            ) from error

    async def _first_look(self, http: httpx.AsyncClient) -> dict[str, Snapshot]:
        found = await self._scrape(http)
        silent = [e.url for e in self._plan.endpoints if e.name not in found]
        if silent:
            raise RunError(
                f"no metrics at {', '.join(silent)}: name the processes' endpoints with "
                "--metrics NAME=URL, or say --no-metrics"
            )
        return found

    async def _scrape(self, http: httpx.AsyncClient) -> dict[str, Snapshot]:
        """Of every process that answers; none where several do at one URL."""
        found = await scrape(http, self._plan.endpoints)
        for name, snapshot in found.items():
            if another(self._latest.get(name, snapshot), snapshot):
                self._several.add(name)
        self._latest |= found
        return {name: one for name, one in found.items() if name not in self._several}

    async def _one(self, number: int, tap: BusTap | None, bus: Bus | None) -> None:
        options = self._plan.options
        session = self._session(number, tap, bus)
        start_s = options.ramp_s * number / options.sessions
        await asyncio.sleep(start_s)
        if self._ending:
            return
        self._sessions.append(session)
        seconds = options.ramp_s + options.duration_s - start_s
        await session.run(lambda: self._ending, seconds)

    def _session(
        self, number: int, tap: BusTap | None, bus: Bus | None
    ) -> LoadSession | BusSession:
        plan, options = self._plan, self._plan.options
        if plan.capture is not None and bus is not None and tap is not None:
            return BusSession(bus, plan.target, *plan.capture, self._stages, tap)
        recording = plan.recordings[number % len(plan.recordings)]
        network = Network(
            PROFILES[options.profile], f"{options.seed}-{number}", plan.network.ice_servers
        )
        expectation = plan.expectations.get(recording.path)
        return LoadSession(plan.target, recording, network, self._stages, tap, expectation)

    # --- while it runs

    async def _watch_over(
        self,
        http: httpx.AsyncClient,
        started: float,
        end: float,
        running: list[asyncio.Task[None]],
    ) -> None:
        """Looks every second until the end, a stop, or until no session is left."""
        looked = 0.0
        while (now := time.monotonic()) < end and not (
            self._broken_off or all(task.done() for task in running)
        ):
            if now - looked >= SCRAPE_S:
                await self._look(http, started)
                looked = now
            self._show(self._status(started, end))
            await asyncio.sleep(min(TICK_S, max(0.0, end - time.monotonic())))
        await self._look(http, started)
        # One that was lost later has been measured until then.
        if all(s.result.error and s.result.join_ms is None for s in self._sessions):
            errors = Counter(session.result.error for session in self._sessions)
            raise RunError("no session got through: " + "; ".join(errors))

    async def _let_end(self, running: list[asyncio.Task[None]]) -> None:
        """Until every session has its report; after a stop they have LEAVE_S for it."""
        left, deadline = set(running), math.inf
        while left and time.monotonic() < deadline:
            if self._broken_off:
                deadline = min(deadline, time.monotonic() + LEAVE_S)
            done, left = await asyncio.wait(left, timeout=TICK_S)
            for task in done:
                task.result()

    async def _look(self, http: httpx.AsyncClient, started: float) -> None:
        found = await self._scrape(http)
        now = time.monotonic()
        point = Point(
            time_s=round(now - started, 2),
            sessions=sum(session.connected for session in self._sessions),
            generator_lag_ms=round(self._watch.take_recent(), 2),
        )
        if self._snapshots:
            then, _, earlier = self._snapshots[-1]
            for name, snapshot in found.items():
                used = growth(earlier.get(name, snapshot), snapshot)
                point.process_cores[name] = round(used.cpu_s / (now - then), 4)
                for (kind, outcome, reason), count in used.items.items():
                    if outcome == "dropped" and reason not in measure.ASKED_FOR and count:
                        point.dropped[f"{kind}:{reason}"] = count
        self._points.append(point)
        self._snapshots.append((now, self._watch.cpu_s(), found))

    def _status(self, started: float, end: float) -> Status:
        results = [session.result for session in self._sessions]
        done = [session for session in self._sessions if session.result.error]
        return Status(
            time.monotonic() - started,
            end - started,
            sum(session.connected for session in self._sessions),
            self._plan.options.sessions,
            sum(result.outcome == "refused" for result in results),
            sum(session.result.outcome == "failed" for session in done),
            sum(len(result.hints) for result in results),
            self._watch.recent_ms,
            self._stages,
            next((s.result.session_id for s in self._sessions if s.connected), ""),
        )

    # --- afterwards

    def _result(self, started: float, steady: float, ended: float) -> Result:
        sessions = [session.result for session in self._sessions]
        stages = measure.summaries(self._stages.samples, steady, ended)
        lag = self._watch.summary(steady, ended)
        if lag is not None:
            stages["generator_lag"] = lag
        processes, own_cores = self._processes(steady)
        up = measure.mean_up(self._points, steady - started)
        metrics = measure.metrics(sessions, stages, processes, up, ended - steady)
        late_ms = stages["packet_late"].max if "packet_late" in stages else 0.0
        distrust = self._watch.distrust(steady, ended, own_cores, late_ms)
        counts = measure.counts(sessions, self._items)
        distrust += self._doubts(sessions) + measure.counters_differ(counts)
        return Result(
            started=datetime.now(UTC) - timedelta(seconds=time.monotonic() - started),
            options=self._plan.options,
            trusted=not distrust,
            distrust=distrust,
            metrics=metrics,
            stages=stages,
            processes=processes,
            counts=counts,
            sessions=sessions,
            slo=judge(self._plan.objectives, metrics),
            points=self._points,
            series={
                name: measure.series(samples, started, ended)
                for name, samples in sorted(self._stages.samples.items())
            },
        )

    def _processes(self, steady: float) -> tuple[dict[str, ProcessResult], float]:
        """Over the steady part: each server process, and this process's cores."""
        within = [s for s in self._snapshots if s[0] >= steady] or self._snapshots[-2:]
        (from_s, own_before, _), (to_s, own_after, _) = within[0], within[-1]
        if to_s <= from_s:
            return {}, 0.0
        processes = measure.processes([(at_s, found) for at_s, _, found in within])
        for name in self._several:
            processes.pop(name, None)
        return processes, (own_after - own_before) / (to_s - from_s)

    def _doubts(self, sessions: list[SessionResult]) -> list[str]:
        """What else speaks against the figures: clocks that don't agree, addresses."""
        doubts = self._stages.clocks.doubts()
        if impossible := self._stages.implausible:
            doubts.append(
                f"{impossible.total()} latencies were below {MIN_PLAUSIBLE_MS:.0f} ms (from a "
                f"capture: {MIN_ESTIMATED_MS:.0f} ms) or above {MAX_PLAUSIBLE_MS / 1000:.0f} s: "
                f"the clocks that {', '.join(sorted(impossible))} begin and end by do not agree; "
                "keep all machines by NTP"
            )
        doubts += [
            f"several processes answer at {endpoint.url}: their CPU and memory are left out; name "
            f"each with a URL of its own, --metrics {endpoint.name}-0=URL and so on"
            for endpoint in self._plan.endpoints
            if endpoint.name in self._several
        ]
        heard = [s.heard for s in sessions if s.heard and s.outcome == "completed"]
        if deaf := sum(not one.frames and not one.samples for one in heard):
            doubts.append(
                f"the media of {deaf} of {len(heard)} sessions did not come over the bus that "
                "--nats names: is it the deployment's?"
            )
        return doubts
