"""Writing measured figures into the model cards (services/*/models/*.md).

A card names its rows in the first of two marker comments; what stands between them is
replaced by a table of those rows:

    <!-- figures:begin filled pauses; phonation ratio; fusion: ablation -->
    <!-- figures:end -->

Each name is the beginning of a row's metric, of the area that the card's folder belongs to
or of the one put before it with a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runtime.models import SERVICES
from training.results import Row, markdown

FOLDER_AREAS = {"aggregator": "fusion"}
"""Folders that are not called like their area."""

COLUMNS = ("metric", "slice", "ours", "95% interval", "n", "target", "baseline", "peer", "note")
"""Of a card's table: its area is known."""

_BLOCK = re.compile(
    r"(?P<begin><!-- figures:begin (?P<names>[^>]*?) -->\n).*?(?P<end><!-- figures:end -->)",
    flags=re.DOTALL,
)


class CardError(ValueError):
    """A card's markers are not as they should be; the message says which and why."""


@dataclass(frozen=True)
class Wanted:
    """The rows that one name in a card stands for."""

    area: str
    metric: str
    """How their metric begins."""

    def fits(self, row: Row) -> bool:
        return row.area == self.area and row.metric.startswith(self.metric)


def cards(services: Path = SERVICES) -> list[Path]:
    return sorted(services.glob("*/models/*.md"))


def wanted(card: Path, names: str) -> list[Wanted]:
    """What the names of a card's marker stand for."""
    folder = card.parent.parent.name
    return [_wanted(name, FOLDER_AREAS.get(folder, folder)) for name in names.split(";")]


def _wanted(name: str, area: str) -> Wanted:
    before, colon, after = name.partition(":")
    return Wanted(before.strip(), after.strip()) if colon else Wanted(area, name.strip())


def update(card: Path, rows: Sequence[Row], heading: str) -> bool:
    """Put the rows that a card names between its markers; True when the card has markers.

    A block of an area of which there is no row is left as it is. Raises CardError for a name
    that fits no row of its area, and for markers that are not a pair.
    """
    text = card.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    if text.count("figures:begin") != len(blocks) or text.count("figures:end") != len(blocks):
        raise CardError(f"{card}: figures:begin, with its names, and figures:end must be a pair")
    measured = {row.area for row in rows}
    for block in reversed(blocks):
        names = [name for name in wanted(card, block["names"]) if name.area in measured]
        if names:
            table = markdown(list(_chosen(card, names, rows)), heading, COLUMNS)
            text = text[: block.end("begin")] + table + text[block.start("end") :]
    if blocks:
        card.write_text(text, encoding="utf-8")
    return bool(blocks)


def _chosen(card: Path, names: Sequence[Wanted], rows: Sequence[Row]) -> Iterator[Row]:
    for name in names:
        found = [row for row in rows if name.fits(row)]
        if not found:
            raise CardError(f"{card}: no row of {name.area} is called {name.metric!r}")
        yield from found
