"""``make bench``: the gateway's cost against bare aiortc, latency by stage, CPU by process.

One run, side by side: rounds of the bare receiver and of the whole system alternate, with
the same packets on the same machine, first plain VP8, then with the temporal layers that the
page asks browsers for; then one longer session for the latencies. Under five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.folder import FolderError
from deploy.supervisor import StartError, System
from loadtest.client import Client, HeardHint
from loadtest.figures import Summary, summarize
from loadtest.local import Meter, demo_recording, local_system, usage
from loadtest.receivers import Cost, ReceiverError, measure, metered, receiver
from loadtest.recording import Recording, RecordingError
from loadtest.result import Machine
from loadtest.session import BODY
from loadtest.stages import BusTap, SessionProbe, Stages
from loadtest.watch import SelfWatch
from loadtest.whip import ClientError
from services.runtime.media import SAMPLE_RATE

ROUNDS = 3
ROUND_S = 10.0
LATENCY_S = 50.0
WARM_UP_S = 3.0

SERVICES = ("face", "gesture", "voice", "answers", "aggregator")


@dataclass(frozen=True)
class Budget:
    """A line of the design's budget and what was measured."""

    what: str
    bound: float
    unit: str
    value: float | None
    """None: nothing to measure came up in this run."""

    @property
    def word(self) -> str:
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.bound else "missed"


@dataclass
class Bench:
    """All figures of a run."""

    costs: dict[str, Cost]
    """By receiver and stream, such as "gateway, layered"."""
    stages: dict[str, Summary]
    cores: dict[str, float]
    idle: dict[str, float]
    memory_mib: dict[str, float]
    generator_lag: Summary | None
    hints: int

    def ratio(self, stream: str) -> float:
        """The gateway's cost over the bare receiver's."""
        gateway, bare = (self.costs[f"{name}, {stream}"] for name in ("gateway", "bare aiortc"))
        return gateway.cores_per_session / bare.cores_per_session

    def budgets(self) -> list[Budget]:
        def stage(name: str, percentile: str) -> float | None:
            summary = self.stages.get(name)
            return getattr(summary, percentile) if summary else None

        services = sum(self.cores.get(name, 0.0) for name in SERVICES)
        return [
            Budget(
                "capture to publish, video, p95", 80, "ms", stage("capture_to_publish_video", "p95")
            ),
            Budget(
                "capture to publish, audio, p95", 80, "ms", stage("capture_to_publish_audio", "p95")
            ),
            *(
                Budget(f"bus to {kind}, p99", 2, "ms", stage(f"bus_{kind}", "p99"))
                for kind in ("face", "gesture", "voice")
            ),
            *(
                Budget(f"{kind}, p95", 60, "ms", stage(kind, "p95"))
                for kind in ("face", "gesture", "voice")
            ),
            Budget("transcript after a word's end, p95", 700, "ms", stage("transcript", "p95")),
            Budget("fusion and hint to client, p95", 50, "ms", stage("hint_to_client", "p95")),
            Budget("glass to hint, by sight, p95", 250, "ms", stage("glass_to_hint_sight", "p95")),
            Budget("glass to hint, by sound, p95", 400, "ms", stage("glass_to_hint_sound", "p95")),
            Budget("gateway CPU against bare aiortc", 1.2, "x", self.ratio("plain")),
            Budget("the same with temporal layers", 1.0, "x", self.ratio("layered")),
            Budget("all services", 0.35, "cores", services),
        ]


async def run(out: Path, console: Console) -> Bench:
    """Raises FolderError, StartError, ReceiverError, RecordingError, ClientError."""
    recording = await asyncio.to_thread(demo_recording)
    layered = await asyncio.to_thread(demo_recording, layered=True)
    console.print(
        f"{Machine.this()}\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {recording.name} "
        f"({len(recording.video) / recording.duration_s:.0f} fps, one session)",
        highlight=False,
    )
    costs = {
        f"{name}, {stream}": Cost()
        for stream in ("plain", "layered")
        for name in ("bare aiortc", "gateway")
    }
    async with (
        local_system(out) as system,
        receiver("loadtest.peers.bare") as (pid, url),
        SelfWatch() as watch,
    ):
        idle = await asyncio.to_thread(Meter, system)
        idle_cores: dict[str, float] | None = None
        for number in range(ROUNDS):
            console.print(f"round {number + 1} of {ROUNDS}: bare aiortc, then the gateway")
            for stream, sent in (("plain", recording), ("layered", layered)):
                await measure(pid, url, sent, 1, ROUND_S, costs[f"bare aiortc, {stream}"])
                if idle_cores is None:
                    idle_cores = await asyncio.to_thread(idle.cores)
                await gateway_round(system, sent, 1, ROUND_S, costs[f"gateway, {stream}"])
        console.print(f"latency and CPU of every process: {LATENCY_S:.0f} s")
        stages, cores, hints, start = await _latency(system, recording)
        memory = {
            name: used.memory_mib for name, used in (await asyncio.to_thread(usage, system)).items()
        }
        lag = watch.summary(start, time.monotonic())
    return Bench(costs, stages, cores, idle_cores or {}, memory, lag, hints)


async def gateway_round(
    system: System, recording: Recording, sessions: int, seconds: float, cost: Cost
) -> None:
    """As receivers.measure, of the running system's gateway; frames counted on the bus."""
    probes: list[SessionProbe] = []
    async with BusTap(system.nats_url, Stages()) as tap, contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client.create(system.url, BODY))
            for _ in range(sessions)
        ]
        for client in clients:
            probes.append(await tap.listen(client.session_id))
            await client.join(recording, seconds + 60)
            await client.ask(client.created["questions"][0]["id"])

        async def counts() -> tuple[float, float]:
            frames = sum(probe.heard.frames for probe in probes)
            return float(frames), sum(probe.heard.samples for probe in probes) / SAMPLE_RATE

        process = system.program("gateway").process
        assert process is not None
        await metered(process.pid, counts, sessions, seconds, cost)
        for client in clients:
            await client.end()


async def _latency(
    system: System, recording: Recording
) -> tuple[dict[str, Summary], dict[str, float], int, float]:
    """(stages, cores by process, hints, when it began)."""
    stages = Stages()
    hints: list[HeardHint] = []

    def heard(hint: HeardHint) -> None:
        hints.append(hint)
        stages.hint(hint)

    async with (
        BusTap(system.nats_url, stages) as tap,
        Client.create(system.url, BODY, heard) as client,
    ):
        probe = await tap.listen(client.session_id)
        await client.join(recording, LATENCY_S + WARM_UP_S)
        await client.ask(client.created["questions"][0]["id"])
        await asyncio.sleep(WARM_UP_S)
        meter, start = await asyncio.to_thread(Meter, system), time.monotonic()
        await client.until_sent()
        cores, end = await asyncio.to_thread(meter.cores), time.monotonic()
        await client.end()
        await client.report()
    for hint in hints:
        emitted_us = probe.triggers.get(int(hint.message["capture_us"]))
        if emitted_us is not None:
            stages.add_us("hint_to_client", hint.arrived_us - emitted_us)
    found = {
        name: summarize(samples.between(start, end + 60))
        for name, samples in sorted(stages.samples.items())
    }
    return {n: s for n, s in found.items() if s is not None}, cores, len(hints), start


def show(bench: Bench, console: Console) -> None:
    table = Table(title="Receive, decode, sample: one session")
    for title in ("", "cores", "rounds", "frames/s", "sound"):
        table.add_column(title, justify="left" if title == "" else "right")
    for name, cost in bench.costs.items():
        rounds = " ".join(f"{r:.3f}" for r in cost.rounds)
        table.add_row(
            name,
            f"{cost.cores_per_session:.4f}",
            rounds,
            f"{cost.frames_per_second:.1f}",
            f"{cost.audio_share:.0%}",
        )
    console.print(table)
    table = Table(title="Latency by stage, ms")
    for title in ("stage", "p50", "p95", "p99", "count"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for name, stage in bench.stages.items():
        table.add_row(
            name, f"{stage.p50:.1f}", f"{stage.p95:.1f}", f"{stage.p99:.1f}", str(stage.count)
        )
    console.print(table)
    table = Table(title="Processes")
    for title in ("process", "cores, one session", "cores, idle", "memory, MiB"):
        table.add_column(title, justify="left" if title == "process" else "right")
    for name, cores in bench.cores.items():
        table.add_row(
            name,
            f"{cores:.3f}",
            f"{bench.idle.get(name, np.nan):.3f}",
            f"{bench.memory_mib.get(name, np.nan):.0f}",
        )
    console.print(table)
    table = Table(title="The design's budget")
    for title in ("what", "budget", "measured", ""):
        table.add_column(title, justify="left" if title in ("what", "") else "right")
    for budget in bench.budgets():
        value = "–" if budget.value is None else f"{budget.value:.3g} {budget.unit}"
        style = {"met": "green", "missed": "red"}.get(budget.word, "")
        table.add_row(
            budget.what, f"{budget.bound:g} {budget.unit}", value, budget.word, style=style
        )
    console.print(table)
    if bench.generator_lag:
        console.print(
            f"{bench.hints} hints; the measuring process's own loop was at most "
            f"{bench.generator_lag.p99:.1f} ms late (p99)",
            highlight=False,
        )


def as_json(bench: Bench) -> str:
    return json.dumps(
        {
            "version": 1,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": str(Machine.this()),
            "receivers": {
                name: asdict(cost) | {"cores_per_session": cost.cores_per_session}
                for name, cost in bench.costs.items()
            },
            "gateway_to_bare": {name: bench.ratio(name) for name in ("plain", "layered")},
            "stages_ms": {name: stage.model_dump() for name, stage in bench.stages.items()},
            "cores": bench.cores,
            "cores_idle": bench.idle,
            "memory_mib": bench.memory_mib,
            "hints": bench.hints,
            "generator_lag_ms": bench.generator_lag and bench.generator_lag.model_dump(),
            "budget": [asdict(b) | {"result": b.word} for b in bench.budgets()],
        },
        indent=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out: Path = parser.parse_args().out
    console = Console()
    try:
        bench = asyncio.run(run(out, console))
    except (FolderError, StartError, ReceiverError, RecordingError, ClientError) as error:
        sys.exit(f"bench: {error}")
    show(bench, console)
    (out / "bench.json").write_text(as_json(bench) + "\n")
    console.print(f"Written to {out / 'bench.json'}")


if __name__ == "__main__":
    main()
