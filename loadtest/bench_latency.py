"""``make bench-latency``: from a frame's sending to its result, on loopback.

The gateway hands on every frame of a recording of 30 a second to a worker of the services'
own runtime: first one whose analysis costs next to nothing (what is left is the path), then
one whose analysis lasts longer than a frame does (frames must give way, not wait).

A frame is known by the number burnt into its picture, which the analysis reads and answers
with. Both moments are this process's own: when the frame is handed to the sender, before its
first packet leaves, and when its result has come from the bus. No other clock is believed for
that; the stages between are the trace's, whose clocks are one on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import uvloop
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.signals_pb2 import Accounting, Signal
from nats.aio.msg import Msg
from rich.console import Console
from rich.table import Table

from deploy.folder import FolderError
from deploy.supervisor import Output, Program, StartError, SystemSettings
from deploy.temporary import SYSTEM_LOG
from loadtest.client import Client
from loadtest.figures import Summary, summarize
from loadtest.latency_worker import KIND
from loadtest.local import Edge, demo_recording, local_system
from loadtest.recording import FPS, Recording, RecordingError
from loadtest.result import Machine
from loadtest.session import BODY
from loadtest.stages import PENDING, BusError, Stages, connect
from loadtest.watch import SelfWatch
from loadtest.whip import ClientError
from services.runtime.bus import now_us

SECONDS = 30.0
WARM_UP_S = 3.0
"""After joining: decoders start, key frames come."""

FINAL_TIMEOUT_S = 10.0
"""From a session's end to the worker's last accounting."""

FRAME_TO_RESULT = "frame to result"
ACCOUNTS = {Kind.KIND_GATEWAY_VIDEO: "gateway", KIND: "analysis"}
"""Whose accounts of frames are read, and what they are called here."""


class LatencyError(RuntimeError):
    """The run has nothing to show; says what to look at."""


@dataclass(frozen=True)
class Case:
    """An analysis of so much work a frame, and the bound that its results are to keep."""

    work_ms: float
    percentile: Literal["p50", "p99"]
    bound_ms: float

    def __str__(self) -> str:
        return f"analysis of {self.work_ms:g} ms" if self.work_ms else "trivial analysis"


CASES = (Case(0, "p50", 8), Case(45, "p99", 130))


@dataclass(frozen=True)
class Outcome:
    """What a case gave."""

    stages: dict[str, Summary]
    """Milliseconds, of the steady part; FRAME_TO_RESULT among them."""
    results: int
    """Over the whole session, as the accounts are."""
    accounts: dict[str, dict[str, int]]
    """By ACCOUNTS' names: received, processed, dropped:REASON."""
    distrust: list[str]
    """Why the figures can't be trusted."""

    def value(self, case: Case) -> float:
        return float(getattr(self.stages[FRAME_TO_RESULT], case.percentile))

    def verdict(self, case: Case) -> str:
        return "met" if self.value(case) <= case.bound_ms else "missed"


class Results:
    """One session's signals as they come, each matched with its frame's sending."""

    def __init__(self, sent_us: Callable[[int], int | None], stages: Stages) -> None:
        """sent_us: when a frame was sent, by its number."""
        self._sent_us = sent_us
        self._stages = stages
        self.count = 0
        self.unmatched = 0
        """Results of frames whose sending is not remembered: they were sent long ago."""
        self.accounts: dict[str, dict[str, int]] = {}
        self.final = asyncio.Event()
        """The worker has said its last word on the session; the gateway did so before."""

    def take(self, signal: Signal, arrived_us: int) -> None:
        if signal.HasField("accounting"):
            if name := ACCOUNTS.get(signal.kind):
                self.accounts[name] = plain(signal.accounting)
            if signal.kind == KIND and signal.accounting.final:
                self.final.set()
            return
        self.count += 1
        sent_us = self._sent_us(signal.transcript.utterance)
        if sent_us is None:
            self.unmatched += 1
            return
        trace = signal.trace
        for stage, since_us, until_us in (
            (FRAME_TO_RESULT, sent_us, arrived_us),
            ("sent to published", sent_us, trace.published_us),
            ("published to received", trace.published_us, trace.received_us),
            ("received to emitted", trace.received_us, trace.emitted_us),
            ("emitted to arrived", trace.emitted_us, arrived_us),
        ):
            self._stages.add_us(stage, until_us - since_us)


def plain(accounting: Accounting) -> dict[str, int]:
    """As a load test's result keeps accounts."""
    counts = {"received": accounting.received, "processed": accounting.processed}
    return counts | {f"dropped:{reason}": n for reason, n in sorted(accounting.dropped.items())}


class AnalysedEdge(Edge):
    """The gateway, which here hands on every frame, and the analysis."""

    def __init__(
        self, settings: SystemSettings, output: Output, lines_are: str, *, work_ms: float
    ) -> None:
        super().__init__(settings, output, lines_are)
        self._work_ms = work_ms

    def _plan(self) -> list[Program]:
        programs = super()._plan()
        gateway = next(program for program in programs if program.name == "gateway")
        gateway.environment["GREENROOM_ANALYSIS_FPS"] = str(FPS)
        port = self.settings.metrics_base_port  # of a service that does not run here
        analysis = Program(
            "analysis",
            [sys.executable, "-m", "loadtest.latency_worker", "--work-ms", str(self._work_ms)],
            {
                "GREENROOM_NATS_URL": self.nats_url,
                "GREENROOM_GRPC_PORT": str(port),
                "GREENROOM_WORKER_NAME": "analysis",
            },
            port=port,
        )
        return [*programs, analysis]


async def measure(case: Case, recording: Recording, seconds: float, out: Path) -> Outcome:
    """One session, measured for `seconds` after WARM_UP_S. recording: with burnt pictures.

    Raises FolderError, StartError, ClientError, BusError, LatencyError.
    """
    stages = Stages()
    async with (
        local_system(out, functools.partial(AnalysedEdge, work_ms=case.work_ms)) as system,
        Client.create(system.url, BODY) as client,
        SelfWatch() as watch,
    ):

        def sent_us(number: int) -> int | None:
            tracks = client.connection.tracks if client.connection else []
            return next((t.sent_at.get(number) for t in tracks if t.kind == "video"), None)

        results = Results(sent_us, stages)

        async def take(message: Msg) -> None:
            results.take(Signal.FromString(message.data), now_us())

        connection = await connect(system.nats_url)
        try:
            await connection.subscribe(
                f"signals.{client.session_id}.*", cb=take, pending_msgs_limit=PENDING
            )
            await connection.flush()
            await client.join(recording, WARM_UP_S + seconds)
            await asyncio.sleep(WARM_UP_S)
            start, used_s = time.monotonic(), time.process_time()
            await client.until_sent()
            end = time.monotonic()
            cores = (time.process_time() - used_s) / (end - start)
            late_s = max(t.late_s for t in client.connection.tracks) if client.connection else 0.0
            await client.end()
            await _until_final(results)
        finally:
            await connection.close()
        distrust = watch.distrust(start, end, cores, late_s * 1000)
    found = {name: summarize(s.between(start, end)) for name, s in stages.samples.items()}
    steady = {name: summary for name, summary in found.items() if summary is not None}
    if FRAME_TO_RESULT not in steady:
        raise LatencyError(f"no result came: see {out / SYSTEM_LOG}")
    if unmatched := stages.implausible.total() + results.unmatched:
        distrust.append(f"{unmatched} results match no sending")
    return Outcome(steady, results.count, results.accounts, distrust)


async def _until_final(results: Results) -> None:
    try:
        async with asyncio.timeout(FINAL_TIMEOUT_S):
            await results.final.wait()
    except TimeoutError as error:
        raise LatencyError("the analysis's last accounting did not come") from error


async def run(seconds: float, out: Path, console: Console) -> dict[Case, Outcome]:
    """Raises what `measure` does, and RecordingError."""
    recording = await asyncio.to_thread(demo_recording, burn=True)
    console.print(
        f"{Machine.this()}\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {recording.name} "
        f"({len(recording.video) / recording.duration_s:.0f} fps, one session)",
        highlight=False,
    )
    outcomes = {}
    for case in CASES:
        console.print(f"{case}: {seconds:.0f} s")
        outcomes[case] = await measure(case, recording, seconds, out)
    return outcomes


def show(outcomes: dict[Case, Outcome], console: Console) -> None:
    for case, outcome in outcomes.items():
        table = Table(title=f"{case}: latency, ms")
        for title in ("", "p50", "p95", "p99", "max", "count"):
            table.add_column(title, justify="left" if title == "" else "right")
        for name, stage in outcome.stages.items():
            figures = (f"{v:.1f}" for v in (stage.p50, stage.p95, stage.p99, stage.max))
            table.add_row(name, *figures, str(stage.count))
        console.print(table)
        for name, counts in outcome.accounts.items():
            words = ", ".join(f"{count} {what}" for what, count in counts.items())
            console.print(f"{name}: {words}", highlight=False)
        console.print(f"{outcome.results} results", highlight=False)
        console.print(
            f"{case.percentile} {outcome.value(case):.1f} ms of at most {case.bound_ms:g} ms: "
            f"[bold]{outcome.verdict(case)}[/]",
            highlight=False,
        )
        for words in outcome.distrust:
            console.print(f"[yellow]not to be trusted:[/] {words}", highlight=False)


def as_json(outcomes: dict[Case, Outcome]) -> str:
    return json.dumps(
        {
            "version": 1,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": str(Machine.this()),
            "cases": [
                asdict(case)
                | {
                    "value_ms": outcome.value(case),
                    "result": outcome.verdict(case),
                    "stages_ms": {n: s.model_dump() for n, s in outcome.stages.items()},
                    "results": outcome.results,
                    "accounts": outcome.accounts,
                    "distrust": outcome.distrust,
                }
                for case, outcome in outcomes.items()
            ],
        },
        indent=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    out: Path = options.out
    console = Console()
    try:
        outcomes = uvloop.run(run(options.seconds, out, console))
    except (FolderError, StartError, ClientError, BusError, RecordingError, LatencyError) as error:
        sys.exit(f"bench-latency: {error}")
    show(outcomes, console)
    (out / "bench-latency.json").write_text(as_json(outcomes) + "\n")
    console.print(f"Written to {out / 'bench-latency.json'}")


if __name__ == "__main__":
    main()
