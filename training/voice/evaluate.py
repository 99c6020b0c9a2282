"""The voice service's accuracy on a folder of recordings."""

from pathlib import Path

from training.results import Row
from training.voice import (
    activity,
    corpus,
    cost,
    filled,
    prosody,
    robustness,
    timing,
    transcripts,
)

PARTS = (activity, transcripts, timing, filled, prosody, robustness, cost)


def evaluate(data: Path) -> list[Row]:
    """All figures of the voice service; what the folder lacks is skipped with a word."""
    recordings = corpus.read(data)
    return [row for part in PARTS for row in part.rows(recordings)]
