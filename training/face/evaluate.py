"""The face service's accuracy on a folder of recordings."""

from __future__ import annotations

from pathlib import Path

from training.face import expression, motion, points, stills
from training.face.corpus import Seen, read
from training.face.teacher import Teacher
from training.results import Row, skipped


def evaluate(data: Path) -> list[Row]:
    """All figures of the face service; what the folder lacks is skipped with a word."""
    seen: list[Seen] = []
    try:
        teacher = Teacher()
    except FileNotFoundError as error:
        found = [skipped("face", "everything compared with MediaPipe in the videos", str(error))]
    else:
        seen = list(read(data, teacher))
        found = [
            *points.rows(seen), *expression.rows(seen, teacher), *motion.rows(seen),
        ]  # fmt: skip
    return [*found, *stills.rows(data)]
