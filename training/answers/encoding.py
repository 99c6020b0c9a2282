"""Many texts through the service's own embedder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.answers.embedder import Embedder, Encoded, by_length
from training.answers.dataset import Scored

BATCH = 128
"""Fewer than the embedder keeps."""


def encode(embed: Embedder, given: Iterable[str]) -> dict[str, Encoded]:
    """Each text once, those of like length together."""
    ordered = sorted(set(given), key=by_length)
    found: dict[str, Encoded] = {}
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        found.update(zip(batch, embed.encode(batch), strict=True))
    return found


def texts(items: Sequence[Scored]) -> set[str]:
    return {text for item in items for text in (item.question, item.answer, *item.references)}


def nearest(item: Scored, known: dict[str, Encoded]) -> str:
    """The reference that is most like the answer: any of them would do as an answer."""
    answer = known[item.answer].vector
    return max(item.references, key=lambda text: float(known[text].vector @ answer))
