"""What a person sees while a load test runs, and at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from loadtest.result import Result
from loadtest.run import Show, Status
from loadtest.slo import UNITS

SHOWN = (
    "glass_to_signal_face",
    "glass_to_signal_gesture",
    "glass_to_signal_voice",
    "glass_to_hint",
)
RECENT = 200
"""Newest samples of a stage that the live figures rest on."""

MARKS = {
    "kept": "[green]kept[/]      ",
    "broken": "[red]BROKEN[/]    ",
    "not judged": "[yellow]not judged[/]",
}
"""By an objective's verdict."""

LINE_EVERY_S = 5.0
"""Where there is no terminal, a line this often."""


def _recent_p95(status: Status, stage: str) -> str:
    samples = status.stages.samples.get(stage)
    if samples is None or not samples.values:
        return "–"
    return f"{np.percentile(np.asarray(samples.values[-RECENT:]), 95):.0f} ms"


def _live(status: Status) -> Group:
    table = Table(box=None)
    for title in ("sessions", "refused", "failed", "hints", "own lag"):
        table.add_column(title, justify="right")
    for stage in SHOWN:
        table.add_column(stage.replace("glass_to_", "").replace("_", " ") + " p95", justify="right")
    table.add_row(
        f"{status.connected}/{status.asked}",
        str(status.refused),
        str(status.failed),
        str(status.hints),
        f"{status.lag_ms:.0f} ms",
        *(_recent_p95(status, stage) for stage in SHOWN),
    )
    return Group(ProgressBar(total=status.total_s, completed=status.elapsed_s), table)


@contextmanager
def shown(console: Console) -> Iterator[Show]:
    """Live on a terminal, a line every few seconds elsewhere. The first session's id once."""
    named = False

    def name(status: Status) -> None:
        nonlocal named
        if status.session_id and not named:
            named = True
            console.print(f"First session: {escape(status.session_id)}", highlight=False)

    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:

            def update(status: Status) -> None:
                name(status)
                live.update(_live(status), refresh=True)

            yield update
        return
    last = -LINE_EVERY_S

    def line(status: Status) -> None:
        nonlocal last
        name(status)
        if status.elapsed_s - last < LINE_EVERY_S:
            return
        last = status.elapsed_s
        figures = ", ".join(f"{stage} p95 {_recent_p95(status, stage)}" for stage in SHOWN)
        console.print(
            f"{status.elapsed_s:5.0f} s  {status.connected}/{status.asked} sessions, "
            f"{status.hints} hints, own lag {status.lag_ms:.0f} ms, {figures}"
        )

    yield line


def figure(metric: str, value: float | None) -> str:
    """A metric with its unit, where this build knows it: a result may be of another."""
    return "not measured" if value is None else f"{value:.4g} {UNITS.get(metric, '')}".rstrip()


def summary(result: Result, console: Console) -> None:
    options = result.options
    console.print(
        f"\n[bold]{options.sessions} sessions[/] against {escape(options.target)}, "
        f"profile {options.profile}, {options.duration_s:.0f} s, {result.machine}"
    )
    table = Table(title="Latency, ms")
    for title in ("stage", "p50", "p95", "p99", "max", "count"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    for name, stage in result.stages.items():
        figures = (stage.p50, stage.p95, stage.p99, stage.max)
        table.add_row(name, *(f"{f:.1f}" for f in figures), str(stage.count))
    console.print(table)
    if result.processes:
        table = Table(title="Servers, steady part")
        for title in ("process", "cores", "memory, MiB", "files"):
            table.add_column(title, justify="left" if title == "process" else "right")
        for name, process in result.processes.items():
            table.add_row(
                escape(name),
                f"{process.cores:.3f}",
                f"{process.memory_mib:.0f}",
                str(process.files),
            )
        console.print(table)
    for name in sorted(set(result.metrics) - _of_stages(result)):
        if name.endswith(("_p99", "_max")):
            continue  # of a few sessions; the page and the JSON have them
        console.print(f"{name:<28} {figure(name, result.metrics[name])}", highlight=False)
    for error in sorted({s.error for s in result.sessions if s.error}):
        console.print(f"[red]error[/] {escape(error)}", highlight=False)
    for slo in result.slo:
        console.print(
            f"{MARKS[slo.verdict]} {slo.metric} {slo.bound}: {figure(slo.metric, slo.value)}",
            highlight=False,
        )
    if result.unjudged:
        console.print(f"[yellow]{result.unjudged}[/]", highlight=False)
    for reason in result.distrust:
        console.print(
            f"[bold red]These figures can't be trusted:[/] {escape(reason)}", highlight=False
        )


def from_prometheus(result: Result, console: Console) -> None:
    table = Table(title="From Prometheus, steady part")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in result.prometheus.items():
        table.add_row(escape(name), f"{value:.4g}")
    console.print(table)


def _of_stages(result: Result) -> set[str]:
    return {f"{name}_{q}" for name in result.stages for q in ("p50", "p95", "p99", "max")}
