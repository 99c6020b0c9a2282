"""F1 of whole numbers as classes; some tens of times faster than a library's, for bootstrapping."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def by_class(columns: Values) -> tuple[Values, Values]:
    """Of [n, (truth, guess, ...)]: F1 and how often it is the truth, by class.

    A class that is neither truth nor guess has an F1 of 0.
    """
    truth, guess = columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64)
    classes = int(max(truth.max(), guess.max())) + 1
    wanted = np.bincount(truth, minlength=classes)
    told = np.bincount(guess, minlength=classes)
    hits = np.bincount(truth[truth == guess], minlength=classes)
    return 2 * hits / np.maximum(wanted + told, 1), wanted.astype(float)


def weighted(columns: Values) -> float:
    """Mean F1 of the classes by how often each is the truth."""
    scores, wanted = by_class(columns)
    return float((scores * wanted).sum() / wanted.sum())


def of_class(columns: Values, number: int) -> float:
    scores = by_class(columns)[0]
    return float(scores[number]) if number < len(scores) else 0.0
