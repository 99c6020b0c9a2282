"""A run as one HTML page that stands alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import jinja2
import plotly.graph_objects as go
import plotly.io

from loadtest.progress import figure
from loadtest.result import Point, Result, Series

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True
)
HEIGHT = 320
PLOTTED = ("glass_to_", "capture_to_", "transcript", "fusion", "burnt_")
"""Stages with a plot of their own: what a person waits for. The table has all."""


def render(result: Result) -> str:
    """Plotly's script is inside: nothing is loaded from elsewhere."""
    figures = [
        _percentiles(name, series)
        for name, series in result.series.items()
        if name.startswith(PLOTTED) and series.time_s
    ]
    if result.points:
        figures += [made(result.points) for made in (_sessions, _lag, _processes, _drops)]
    plots = [
        plotly.io.to_html(made, full_html=False, include_plotlyjs=number == 0)
        for number, made in enumerate(figures)
    ]
    return TEMPLATES.get_template("loadtest.html.j2").render(
        result=result, plots=plots, figure=figure
    )


def write(result: Result, path: Path) -> None:
    path.write_text(render(result))


def _plot(
    title: str, unit: str, lines: Iterable[tuple[str, list[float], list[float]]], mode: str
) -> go.Figure:
    made = go.Figure()
    for name, x, y in lines:
        made.add_scatter(x=x, y=y, name=name, mode=mode)
    made.update_layout(
        title=title,
        height=HEIGHT,
        template="plotly_white",
        xaxis_title="seconds",
        yaxis_title=unit,
        yaxis_rangemode="tozero",
        showlegend=True,
    )
    return made


def _percentiles(name: str, series: Series) -> go.Figure:
    lines = [(p, series.time_s, getattr(series, p)) for p in ("p50", "p95", "p99")]
    return _plot(name.replace("_", " "), "ms", lines, "lines+markers")


def _sessions(points: list[Point]) -> go.Figure:
    times = [point.time_s for point in points]
    lines = [("connected", times, [float(point.sessions) for point in points])]
    return _plot("Sessions", "sessions", lines, "lines")


def _lag(points: list[Point]) -> go.Figure:
    times = [point.time_s for point in points]
    lines = [("own lag", times, [point.generator_lag_ms for point in points])]
    return _plot("The load generator's own lag", "ms", lines, "lines")


def _processes(points: list[Point]) -> go.Figure:
    names = sorted({name for point in points for name in point.process_cores})
    lines = []
    for name in names:
        with_it = [point for point in points if name in point.process_cores]
        cores = [point.process_cores[name] for point in with_it]
        lines.append((name, [point.time_s for point in with_it], cores))
    return _plot("CPU of each process", "cores", lines, "lines")


def _drops(points: list[Point]) -> go.Figure:
    """A second: the points are not all as far apart, the last one least."""
    steps = [(b, b.time_s - a.time_s) for a, b in pairwise(points) if b.time_s > a.time_s]
    times = [point.time_s for point, _ in steps]
    lines = [
        (reason, times, [point.dropped.get(reason, 0) / step_s for point, step_s in steps])
        for reason in sorted({reason for point in points for reason in point.dropped})
    ]
    return _plot("Dropped items by kind and reason", "items a second", lines, "lines")
