"""The voice service's accuracy on a folder of recordings."""

from pathlib import Path

from training.results import Row
from training.voice import activity, corpus, filled, prosody, transcripts


def evaluate(data: Path) -> list[Row]:
    """All figures of the voice service; what the folder lacks is skipped with a word."""
    recordings = corpus.read(data)
    return [
        row for part in (activity, transcripts, filled, prosody) for row in part.rows(recordings)
    ]
