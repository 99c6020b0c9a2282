"""The four delivery scores: measures in, the delivery model, scores with their evidence out.

What each measure counts for is the model's (``models/delivery.md``); here is only the wiring.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from greenroom.v1.report_pb2 import Baseline, Score

from services.aggregator.values import UNKNOWN, Z95, Values
from services.runtime import models

MIN_SHARE = 0.5
"""Of a score's weights, that much must have been seen: hands alone tell no confidence."""

TOO_LITTLE = "too little was seen and heard for this score"

Vector = npt.NDArray[np.float64]


class Delivery(NamedTuple):
    """The model with the names that it carries."""

    session: ort.InferenceSession
    scores: tuple[str, ...]
    measures: tuple[str, ...]


@cache
def delivery() -> Delivery:
    """Raises services.runtime.models.ModelError when the file is not the manifest's."""
    session = models.session("aggregator", "delivery")
    names = session.get_modelmeta().custom_metadata_map
    scores, measures = json.loads(names["scores"]), json.loads(names["measures"])
    return Delivery(session, tuple(scores), tuple(measures))


def scores(values: Values, own: Baseline) -> list[Score]:
    """All scores of a stretch, compared with usual ranges and the person's own figures."""
    model = delivery()
    value = {
        name: number
        for name in model.measures
        if (number := values.number(name)) is not None and values.error(name) != UNKNOWN
    }
    error = {name: found for name in value if (found := values.error(name)) is not None}
    outputs = model.session.run(
        ["score", "variance", "contributions", "seen"],
        {
            "value": _vector(value),
            "error": _vector(error),
            "first_minute": _vector(own.first_minute),
            "history": _vector(own.history),
        },
    )
    return [
        _score(name, values, *(output[row] for output in outputs))
        for row, name in enumerate(model.scores)
    ]


def _vector(numbers: Mapping[str, float]) -> Vector:
    """In the model's order; NaN is what was not seen."""
    return np.array([numbers.get(name, math.nan) for name in delivery().measures])


def _score(
    name: str, values: Values, score: float, variance: float, contributions: Vector, seen: float
) -> Score:
    made = Score(score=name)
    if seen < MIN_SHARE:
        made.not_seen = TOO_LITTLE
        return made
    half = Z95 * math.sqrt(variance)
    made.value = round(float(score), 1)
    made.low = round(max(0.0, float(score) - half), 1)
    made.high = round(min(100.0, float(score) + half), 1)
    for measure, points in zip(delivery().measures, contributions, strict=True):
        if points:
            made.contributions[measure] = round(float(points), 2)
            made.evidence.extend(values.evidence(measure))
    return made
