"""Situation, task, action, result: which sentences do which part of a story."""

from __future__ import annotations

from functools import cache

import numpy as np
from greenroom.v1.signals_pb2 import StarResult, Word

from services.answers.embedder import Embedder
from services.answers.text import bare, sentences, span
from services.runtime.media import Floats

Part = StarResult.Part

PROTOTYPES: dict[Part.ValueType, tuple[str, ...]] = {
    Part.SITUATION: (
        "Last year I was working at a company on a team of five people.",
        "At that time our system had a problem and customers were complaining.",
        "When I was a student we had a project with another group.",
    ),
    Part.TASK: (
        "My task was to find out why and to fix it before the deadline.",
        "I was responsible for making sure that the project was delivered.",
        "We needed to reduce the cost, and it was up to me to find a way.",
    ),
    Part.ACTION: (
        "So I talked to the team, wrote a plan and built a prototype.",
        "I decided to measure it first, and then I changed the design.",
        "I called the customer, explained the problem and offered a solution.",
    ),
    Part.RESULT: (
        "In the end we delivered on time and the customer was happy.",
        "As a result the errors went down by forty percent.",
        "It was a success, and I learned to ask for help earlier.",
    ),
}
"""Sentences written for Greenroom, each typical of its part."""

CUES: dict[Part.ValueType, frozenset[str]] = {
    Part.SITUATION: frozenset({"when", "while", "ago", "once", "time", "was", "were"}),
    Part.TASK: frozenset({"responsible", "needed", "had", "goal", "task", "supposed", "role"}),
    Part.ACTION: frozenset({"i", "decided", "started", "built", "talked", "wrote", "asked"}),
    Part.RESULT: frozenset({"result", "finally", "eventually", "learned", "end", "successfully"}),
}
CUE_BONUS, MOST_CUES = 0.04, 3
"""A cue word adds this to the cosine: it settles what the topic leaves open."""

MIN_SCORE, MIN_LEAD = 0.18, 0.015
"""Below, or with the next part this near, a sentence is left without a part."""

TEMPERATURE = 0.05


@cache
def _order() -> tuple[Part.ValueType, ...]:
    return tuple(PROTOTYPES)


def star(embed: Embedder, words: list[Word]) -> list[StarResult]:
    """The parts that were found, neighbouring sentences of one part joined."""
    if not words:
        return []
    runs = sentences(words)
    scores = _scores(embed, runs)
    results: list[StarResult] = []
    joined: list[list[Word]] = []
    for run, row in zip(runs, scores, strict=True):
        best = int(row.argmax())
        second = float(np.partition(row, -2)[-2])
        if row[best] < MIN_SCORE or row[best] - second < MIN_LEAD:
            continue
        part = _order()[best]
        if results and results[-1].part == part:
            joined[-1] = joined[-1] + run
        else:
            results.append(StarResult(part=part))
            joined.append(run)
        softened = np.exp((row - row.max()) / TEMPERATURE)
        results[-1].confidence = float(softened[best] / softened.sum())
    for result, run in zip(results, joined, strict=True):
        result.span.CopyFrom(span(run))
        result.share = len(run) / len(words)
    return results


def _scores(embed: Embedder, runs: list[list[Word]]) -> Floats:
    """[sentences, 4]"""
    vectors = embed([span(run).quote for run in runs])
    columns = [(vectors @ embed(PROTOTYPES[part]).T).max(1) for part in _order()]
    for number, run in enumerate(runs):
        said = {bare(word) for word in run}
        for column, part in zip(columns, _order(), strict=True):
            column[number] += CUE_BONUS * min(MOST_CUES, len(said & CUES[part]))
    stacked: Floats = np.stack(columns, axis=1)
    return stacked
