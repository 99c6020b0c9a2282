"""``make accuracy``: every evaluation, one table.

Usage: python -m training.accuracy [--data DIR] [--out DIR] [--publish] [area ...]

Writes accuracy.json and accuracy.md to OUT. With --publish, which is the default for the
default data, the figures also go into the model cards of the areas that ran (a card names its
rows: see training/cards.py) and, when all areas ran, into docs/accuracy.md.
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

from training import cards
from training.data import DataError, manifest
from training.results import HEADINGS, Row, cells, markdown

AREAS = ("face", "gesture", "voice", "answers", "fusion")
REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_DATA = REPOSITORY.parent / "shared" / "data"
PUBLISHED = REPOSITORY / "docs" / "accuracy.md"


def evaluate(areas: list[str], data: Path) -> list[Row]:
    """All rows of the areas, in their order; an area says itself what a folder lacks."""
    rows: list[Row] = []
    for area in areas:
        started = time.monotonic()
        module = importlib.import_module(f"training.{area}.evaluate")
        rows += module.evaluate(data)
        print(f"{area}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return rows


def print_table(rows: list[Row]) -> None:
    table = Table(*HEADINGS, title="Accuracy", show_lines=False)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=200).print(table)


def publish(rows: list[Row], header: str) -> int:
    """Put the figures where readers look for them; 1 when a card is not in order."""
    wrong = 0
    for card in cards.cards():
        try:
            cards.update(card, rows, header)
        except cards.CardError as error:
            print(f"accuracy: {error}", file=sys.stderr)
            wrong = 1
    if {row.area for row in rows} == set(AREAS):
        PUBLISHED.parent.mkdir(exist_ok=True)
        PUBLISHED.write_text(markdown(rows, f"# Accuracy\n\n{header}"), encoding="utf-8")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--publish", action=argparse.BooleanOptionalAction)
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
        "rows": [json.loads(row.model_dump_json()) for row in rows],
    }
    (options.out / "accuracy.json").write_text(json.dumps(document, indent=1) + "\n")
    header = f"Measured {day} on {machine}, {files} files, by `make accuracy`."
    (options.out / "accuracy.md").write_text(markdown(rows, header))
    print_table(rows)
    if options.publish is None:
        options.publish = options.data.resolve() == DEFAULT_DATA.resolve()
    return publish(rows, header) if options.publish else 0


if __name__ == "__main__":
    sys.exit(main())
