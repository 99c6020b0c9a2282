"""What heads that were not trained on a question say of the answers to it.

The shipped head is trained on every labelled answer there is. Training also writes down here
what heads trained on the other questions say, so that a figure for an answer that was trained
on is never a figure of the head that knows it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.answers.dataset import Scored

FILE = Path(__file__).with_name("held_out.json")
STEPS = 1000
"""Figures are kept to three digits."""

Known = dict[str, list[int]]


@cache
def _known() -> Known:
    known: Known = json.loads(FILE.read_text()) if FILE.exists() else {}
    return known


def of(item: Scored) -> npt.NDArray[np.float64] | None:
    """[4] probabilities, and the cosine to the nearest reference; None for an answer that was
    not trained on."""
    found = _known().get(item.answer_key)
    return None if found is None else np.array(found) / STEPS


def write(items: Sequence[Scored], figures: npt.NDArray[np.float32]) -> None:
    """figures: [n, 4]."""
    rows = {
        item.answer_key: [round(float(figure) * STEPS) for figure in row]
        for item, row in zip(items, figures, strict=True)
    }
    lines = ",\n".join(f'"{key}": {json.dumps(row)}' for key, row in sorted(rows.items()))
    FILE.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
    _known.cache_clear()
