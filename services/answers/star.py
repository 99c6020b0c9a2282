"""Situation, task, action, result: which sentences do which part of a story.

A small head (models/parts.onnx) reads each sentence's vector; how stories go, that a part goes
on for some sentences and that the parts come in their order, decides between sentences that
could be two of them (a hidden Markov model, decoded by Viterbi).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from greenroom.v1.signals_pb2 import StarResult, Word

from services.answers.embedder import Embedder
from services.answers.text import sentences, span
from services.runtime import models
from services.runtime.media import Floats

Part = StarResult.Part

PARTS = (Part.SITUATION, Part.TASK, Part.ACTION, Part.RESULT)
"""By the head's classes; its last class, and NONE here, is no part of a story."""

NONE = len(PARTS)

START = np.log([0.80, 0.08, 0.05, 0.01, 0.06])
FOLLOWS = np.log(
    [
        [0.60, 0.25, 0.13, 0.01, 0.01],
        [0.02, 0.40, 0.55, 0.02, 0.01],
        [0.02, 0.02, 0.70, 0.25, 0.01],
        [0.02, 0.01, 0.05, 0.91, 0.01],
        [0.25, 0.20, 0.25, 0.25, 0.05],
    ]
)
"""[part, next part] log probabilities: a part goes on or gives way to the next one."""

PLACE = np.array([0.08, 0.23, 0.50, 0.87])
PLACE_SPREAD = np.array([0.12, 0.12, 0.22, 0.15])
"""Where in a story its parts lie, 0..1, as the method teaches it: two tenths for the situation,
one for the task, most for the action, the rest for the result."""


@cache
def _head() -> ort.InferenceSession:
    return models.session("answers", "parts")


def star(embed: Embedder, words: list[Word]) -> list[StarResult]:
    """The parts that were found, neighbouring sentences of one part joined."""
    if not words:
        return []
    runs = sentences(words)
    log_probabilities = _head().run(None, {"vectors": embed([span(run).quote for run in runs])})[0]
    path, confidences = decode(log_probabilities, np.array([len(run) for run in runs]))
    results: list[StarResult] = []
    joined: list[list[Word]] = []
    before = NONE
    for run, part, confidence in zip(runs, path, confidences, strict=True):
        if part == NONE:
            before = part
            continue
        if part == before:
            joined[-1] = joined[-1] + run
            results[-1].confidence = max(results[-1].confidence, confidence)
        else:
            results.append(StarResult(part=PARTS[part], confidence=confidence))
            joined.append(run)
        before = part
    for result, run in zip(results, joined, strict=True):
        result.span.CopyFrom(span(run))
        result.share = len(run) / len(words)
    return results


def decode(
    log_probabilities: Floats, lengths: npt.NDArray[np.int64]
) -> tuple[list[int], list[float]]:
    """[n, 5] of the head and the sentences' words to (part, confidence) of each sentence."""
    middle = (np.cumsum(lengths) - lengths / 2) / lengths.sum()
    away = (middle[:, None] - PLACE) / PLACE_SPREAD
    place = np.pad(-0.5 * away**2 - np.log(PLACE_SPREAD), ((0, 0), (0, 1)))
    scores = log_probabilities + place
    best = START + scores[0]
    came_from = []
    for row in scores[1:]:
        through = best[:, None] + FOLLOWS
        came_from.append(through.argmax(0))
        best = through.max(0) + row
    path = [int(best.argmax())]
    for origins in reversed(came_from):
        path.append(int(origins[path[-1]]))
    path.reverse()
    softened = np.exp(scores - scores.max(1, keepdims=True))
    shares = softened / softened.sum(1, keepdims=True)
    return path, [float(row[part]) for row, part in zip(shares, path, strict=True)]
