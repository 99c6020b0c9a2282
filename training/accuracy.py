"""``make accuracy``: every evaluation, one table.

Usage: python -m training.accuracy [--data DIR] [--out DIR] [area ...]
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.data import DataError, manifest
from training.results import Row

AREAS = ("face", "gesture", "voice", "answers", "fusion")
DEFAULT_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def evaluate(areas: list[str], data: Path) -> list[Row]:
    """All rows of the areas, in their order; an area says itself what a folder lacks."""
    rows: list[Row] = []
    for area in areas:
        started = time.monotonic()
        module = importlib.import_module(f"training.{area}.evaluate")
        rows += module.evaluate(data)
        print(f"{area}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return rows


def figure(value: float | None, unit: str = "") -> str:
    if value is None or value != value:
        return "-"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{text} {unit}".strip()


def cells(row: Row) -> list[str]:
    """A row as the table's columns."""
    interval = ""
    if row.low is not None and row.high is not None and row.low == row.low:
        interval = f"{figure(row.low)} to {figure(row.high)}"
    target = ""
    if row.target is not None:
        sign = ">=" if row.better == "higher" else "<="
        word = {True: "met", False: "missed", None: "not measured"}[row.meets_target]
        target = f"{sign} {figure(row.target)} {word}"
    baseline = f"{figure(row.baseline.value)} ({row.baseline.name})" if row.baseline else ""
    peer = f"{figure(row.peer.value)} ({row.peer.name})" if row.peer else ""
    return [
        row.area,
        row.metric,
        row.slice,
        figure(row.value, row.unit),
        interval,
        str(row.n) if row.n else "",
        target,
        baseline,
        peer,
        row.note,
    ]


HEADINGS = [
    "area",
    "metric",
    "slice",
    "ours",
    "95% interval",
    "n",
    "target",
    "baseline",
    "peer",
    "note",
]


def markdown(rows: list[Row], header: str) -> str:
    lines = [header, "", "| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * len(HEADINGS)]
    lines += ["| " + " | ".join(cells(row)).replace("\n", " ") + " |" for row in rows]
    return "\n".join(lines) + "\n"


def print_table(rows: list[Row]) -> None:
    table = Table(*HEADINGS, title="Accuracy", show_lines=False)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=200).print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("areas", nargs="*", default=list(AREAS), metavar="area")
    options = parser.parse_args(arguments)
    try:
        files = sum(1 for _ in manifest(options.data))
    except DataError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 2
    rows = evaluate(options.areas, options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    day = datetime.now(UTC).date().isoformat()
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    document = {
        "version": 1,
        "date": day,
        "machine": machine,
        "files": files,
        "rows": [row.model_dump() for row in rows],
    }
    (options.out / "accuracy.json").write_text(json.dumps(document, indent=1) + "\n")
    header = f"Measured {day} on {machine}, {files} files, by `make accuracy`."
    (options.out / "accuracy.md").write_text(markdown(rows, header))
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
