"""Reading a data folder by its MANIFEST.tsv, so that another folder needs no change."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class DataError(RuntimeError):
    """The folder is not a data folder; the message says what is missing."""


class Entry(BaseModel):
    """One line of MANIFEST.tsv."""

    model_config = ConfigDict(frozen=True)

    path: Path
    tier: str
    """A, B or C (research use only)."""
    licence: str
    duration_s: float | None
    format: str
    shows: str
    label: str
    """Label or transcript, as the manifest has it."""

    @property
    def has_audio(self) -> bool:
        return "no audio" not in self.format


def manifest(data: Path, folder: str = "") -> Iterator[Entry]:
    """The entries of a folder (all of them without one) whose files exist, in file order.

    Raises DataError when there is no manifest.
    """
    listing = data / "MANIFEST.tsv"
    if not listing.is_file():
        raise DataError(f"{listing} is missing: DATA must be a folder with a MANIFEST.tsv")
    with listing.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            name = row["file"]
            path = data / name
            if folder and not name.startswith(f"{folder}/"):
                continue
            if not path.is_file():
                continue
            yield Entry(
                path=path,
                tier=row["tier"] or "",
                licence=row["licence"] or "",
                duration_s=_seconds(row["duration_s"]),
                format=row["format"] or "",
                shows=row["shows"] or "",
                label=row["label_or_transcript"] or "",
            )


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
