"""The answers service's accuracy on a folder of texts."""

from pathlib import Path

from services.answers.embedder import Embedder
from training.answers import interview, points, repairs, scoring, stories
from training.results import Row


def evaluate(data: Path) -> list[Row]:
    """All figures of the answers service; what the folder lacks is skipped with a word."""
    embed = Embedder()
    return [
        *scoring.rows(data, embed),
        *points.rows(embed),
        *stories.rows(data, embed),
        *repairs.rows(data),
        *interview.rows(data, embed),
    ]
