"""The models' licences in one table, as the README shows it: out of the manifests."""

from __future__ import annotations

from services.runtime.models import SERVICES, manifest

MODEL_SUFFIXES = (".onnx", ".ort")
"""What else a manifest lists are vocabularies and speech for tests."""


def table() -> str:
    """Markdown: model and card, service, licence, where the weights come from."""
    lines = ["| model | service | licence | weights from |", "| --- | --- | --- | --- |"]
    for listing in sorted(SERVICES.glob("*/models/manifest.toml")):
        service = listing.parent.parent.name
        for name, entry in manifest(service).items():
            if not entry.file.endswith(MODEL_SUFFIXES) or entry.file.startswith(".."):
                continue
            card = _card(service, name)
            source = f"`{entry.package}`" if entry.package else "this repository, see the card"
            lines.append(f"| [{name}]({card}) | {service} | {entry.licence} | {source} |")
    return "\n".join(lines) + "\n"


def _card(service: str, name: str) -> str:
    """A model of several files has one card under their common name."""
    folder = SERVICES / service / "models"
    stem = next(
        card.stem
        for card in sorted(folder.glob("*.md"), key=lambda card: -len(card.stem))
        if name == card.stem or card.stem.startswith(name) or name.startswith(card.stem)
    )
    return f"services/{service}/models/{stem}.md"
