"""Does the answer speak to the question, and which expected points does it make?

A point is found where the pair head (models/pairs.md) says of some stretch of the answer that
it makes the point. A cosine knows only whether the two have the same topic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from greenroom.v1.signals_pb2 import PointResult, Word

from services.answers.embedder import Embedder, Encoded
from services.answers.pairs import CORRECT, Pairs
from services.answers.text import MIN_WORDS, sentences, span
from services.runtime.media import Floats

RELEVANCE_MIDDLE, RELEVANCE_WIDTH = 0.22, 0.06
"""Cosine at which an answer is as likely as not about the question, and how sharply it
turns: an off-topic answer's best sentences reach .09, a good STAR answer's .28 and more."""

POINT_BIAS, POINT_HEAD = 1.882, 1.324
"""Log odds of a point made, from the head's of `correct`: a spoken answer says a point less in
its own words than a pupil's does. Fitted on answers written for Greenroom
(training/answers/points.py)."""

FOUND = 0.5
LEAST = 1e-4
"""Probabilities are kept from 0 by this much."""


@cache
def _pairs() -> Pairs:
    return Pairs()


def relevance(embed: Embedder, question: Question, words: list[Word]) -> float | None:
    """0..1; None for too few words. Against the question and its expected points:
    a good answer is often far from the question's own words."""
    if len(words) < MIN_WORDS:
        return None
    said = np.stack([encoded.vector for _, encoded in stretches(embed, words)])
    asked = [question.text, *(point.text for point in question.points)]
    cosines = said @ embed(asked).T
    best = np.sort(cosines.max(1))[::-1]
    # The better half: an answer may begin and end with small talk.
    cosine = float(best[: max(1, len(best) // 2)].mean())
    return _logistic((cosine - RELEVANCE_MIDDLE) / RELEVANCE_WIDTH)


def find_points(embed: Embedder, question: Question, words: list[Word]) -> list[PointResult]:
    """Each expected point, found or missing, with the words that make it."""
    points = question.points
    if not words or not points:
        return []
    pieces = stretches(embed, words)
    head = evidence(embed, question, [encoded for _, encoded in pieces])
    log_odds = POINT_BIAS + POINT_HEAD * head
    results = []
    for index, point in enumerate(points):
        best = int(log_odds[:, index].argmax())
        score = _logistic(float(log_odds[best, index]))
        result = PointResult(point_id=point.id, text=point.text, found=score >= FOUND, score=score)
        if result.found:
            result.evidence.CopyFrom(span(pieces[best][0]))
        results.append(result)
    return results


def stretches(embed: Embedder, words: list[Word]) -> list[tuple[list[Word], Encoded]]:
    """Each sentence, and each with its follower: a point may take two."""
    runs = sentences(words)
    single = list(zip(runs, embed.encode([span(run).quote for run in runs]), strict=True))
    double = [(a + b, first + second) for (a, first), (b, second) in itertools.pairwise(single)]
    return single + double


def evidence(embed: Embedder, question: Question, said: Sequence[Encoded]) -> Floats:
    """[stretches, points] the head's log odds that each stretch makes each point."""
    expected = embed.encode([point.text for point in question.points])
    probability = _pairs()(said, expected, embed.encode([question.text])[0])[:, :, CORRECT]
    kept = probability.clip(LEAST, 1 - LEAST)
    log_odds: Floats = np.log(kept / (1 - kept))
    return log_odds


def completeness(points: Sequence[ExpectedPoint], results: Sequence[PointResult]) -> float | None:
    """Share of the expected points by weight; None when none are expected.

    results: of each point, in order (find_points).
    """
    total = sum(point.weight for point in points)
    if not results or total <= 0:
        return None
    found = zip(points, results, strict=True)
    return sum(point.weight for point, result in found if result.found) / total


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
