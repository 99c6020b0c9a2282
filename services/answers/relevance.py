"""Does the answer speak to the question, and which expected points does it make?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from greenroom.v1.signals_pb2 import PointResult, Word

from services.answers.embedder import Embedder
from services.answers.text import span, windows

RELEVANCE_MIDDLE, RELEVANCE_WIDTH = 0.22, 0.06
"""Cosine at which an answer is as likely as not about the question, and how sharply it
turns: an off-topic answer's best sentences reach .09, a good STAR answer's .28 and more."""

POINT_MIDDLE, POINT_WIDTH = 0.33, 0.06
"""Likewise for a stretch of the answer against the text of an expected point."""

FOUND = 0.5


def relevance(embed: Embedder, question: Question, words: list[Word]) -> float | None:
    """0..1; None when nothing was said. Against the question and its expected points:
    a good answer is often far from the question's own words."""
    if not words:
        return None
    pieces = [span(window).quote for window in windows(words)]
    asked = [question.text, *(point.text for point in question.points)]
    cosines = embed(pieces) @ embed(asked).T
    best = np.sort(cosines.max(1))[::-1]
    # The better half: an answer may begin and end with small talk.
    cosine = float(best[: max(1, len(best) // 2)].mean())
    return _logistic(cosine, RELEVANCE_MIDDLE, RELEVANCE_WIDTH)


def find_points(
    embed: Embedder, points: Sequence[ExpectedPoint], words: list[Word]
) -> list[PointResult]:
    """Each expected point, found or missing, with the words that make it."""
    if not words or not points:
        return []
    pieces = windows(words)
    cosines = (
        embed([span(piece).quote for piece in pieces]) @ embed([point.text for point in points]).T
    )
    results = []
    for index, point in enumerate(points):
        best = int(cosines[:, index].argmax())
        score = _logistic(float(cosines[best, index]), POINT_MIDDLE, POINT_WIDTH)
        result = PointResult(point_id=point.id, text=point.text, found=score >= FOUND, score=score)
        if result.found:
            result.evidence.CopyFrom(span(pieces[best]))
        results.append(result)
    return results


def completeness(points: Sequence[ExpectedPoint], results: Sequence[PointResult]) -> float | None:
    """Share of the expected points by weight; None when none are expected."""
    weights = {point.id: point.weight for point in points}
    total = sum(weights.values())
    if not results or total <= 0:
        return None
    return sum(weights[result.point_id] for result in results if result.found) / total


def _logistic(value: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp(-(value - middle) / width))
