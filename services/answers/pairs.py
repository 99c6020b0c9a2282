"""The pair head: a stretch of an answer judged against what a good answer says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.answers.embedder import Encoded
from services.runtime import models
from services.runtime.media import Floats

CONTRADICTORY, INCORRECT, CORRECT = range(3)
"""Columns of the probabilities; incorrect: says something else, or nothing of it."""


class Pairs:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("answers", "pairs")

    def __call__(
        self, stretches: Sequence[Encoded], points: Sequence[Encoded], question: Encoded
    ) -> Floats:
        """[stretches, points, 3] probabilities."""
        if not stretches or not points:
            return np.zeros((len(stretches), len(points), 3), np.float32)
        each, count = len(points), len(stretches)
        states, ids = (
            _pad([one.states for one in stretches]),
            _pad([one.ids for one in stretches]),
        )
        point_states, point_ids = (
            _pad([one.states for one in points]),
            _pad([one.ids for one in points]),
        )
        given = {
            "answer": np.repeat(states, each, axis=0),
            "answer_ids": np.repeat(ids, each, axis=0),
            "point": np.tile(point_states, (count, 1, 1)),
            "point_ids": np.tile(point_ids, (count, 1)),
            "question": np.tile(question.vector, (count * each, 1)),
            "question_ids": np.tile(question.ids, (count * each, 1)),
        }
        found: Floats = self._session.run(None, given)[0]
        return found.reshape(count, each, 3)


def _pad(rows: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    """Stacked, the shorter ones filled with 0."""
    longest = max(len(row) for row in rows)
    rest = [(0, 0)] * (rows[0].ndim - 1)
    return np.stack([np.pad(row, [(0, longest - len(row)), *rest]) for row in rows])
