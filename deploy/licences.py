"""The models' licences in one table, as the README shows it: out of the manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.runtime.models import SERVICES, ModelEntry, folder, manifest

MODEL_SUFFIXES = (".onnx", ".ort")
"""What else a manifest lists are vocabularies and speech for tests."""


def table() -> str:
    """Markdown: model and card, service, licence, where the weights come from."""
    lines = ["| model | service | licence | weights from |", "| --- | --- | --- | --- |"]
    for service, name, entry in listed():
        source = f"`{entry.package}`" if entry.package else "this repository, see the card"
        place = card(service, name).relative_to(SERVICES.parent).as_posix()
        lines.append(f"| [{name}]({place}) | {service} | {entry.licence} | {source} |")
    return "\n".join(lines) + "\n"


def listed() -> Iterator[tuple[str, str, ModelEntry]]:
    """Every model of the manifests: (service, name, entry)."""
    for listing in sorted(SERVICES.glob("*/models/manifest.toml")):
        service = listing.parent.parent.name
        for name, entry in manifest(service).items():
            if entry.file.endswith(MODEL_SUFFIXES) and not entry.file.startswith(".."):
                yield service, name, entry


def card(service: str, name: str) -> Path:
    """A model of several files has one card under their common name. Raises LookupError."""
    cards = sorted(folder(service).glob("*.md"), key=lambda card: -len(card.stem))
    for found in cards:
        if found.stem.startswith(name) or name.startswith(found.stem):
            return found
    raise LookupError(f"services/{service}/models has no card {name}.md")
