"""The voice service's accuracy on a folder of recordings."""

from pathlib import Path

from training.results import Row
from training.voice import activity, corpus, prosody, transcripts


def evaluate(data: Path) -> list[Row]:
    """All figures of the voice service; what the folder lacks is skipped with a word."""
    recordings = corpus.read(data)
    return [*activity.rows(recordings), *transcripts.rows(recordings), *prosody.rows(recordings)]
