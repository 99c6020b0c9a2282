"""Expected points found or missing, on answers written for Greenroom to its own questions.

Usage: python -m training.answers.points, which prints the constants of
services/answers/relevance.py fitted on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from services.answers import relevance
from services.answers.embedder import Embedder
from services.runtime.questions import bank
from training.answers import f1
from training.answers.scoring import AREA
from training.answers.spoken import spoken
from training.results import Comparison, Row, bootstrap

FILE = Path(__file__).with_name("written.yaml")
METRIC = "expected points found or missing, weighted F1"
Values = npt.NDArray[np.float64]
Weights = tuple[float, float]
"""Bias, and what the head's log odds count."""

COSINE_FOUND = 0.33
"""The baseline: found from this cosine on."""


@dataclass(frozen=True)
class Written:
    question: str
    text: str
    makes: frozenset[str]


@cache
def answers() -> tuple[Written, ...]:
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(
        Written(
            entry["question"],
            entry.get("says") or " ".join(t for s in entry["story"] for t in s.values()),
            frozenset(entry["makes"]),
        )
        for entry in entries
    )


@cache
def _questions() -> tuple[Question, ...]:
    return tuple(
        Question(
            id=entry.id,
            text=entry.text,
            points=[ExpectedPoint(id=point.id, text=point.text) for point in entry.points],
        )
        for entry in bank()
    )


@dataclass(frozen=True)
class Seen:
    """A written answer's evidence."""

    question: str
    made: npt.NDArray[np.bool_]
    """[points]"""
    cosine: Values
    head: Values
    """[points] of the best stretch by each."""


def look(embed: Embedder, *, plain: bool = False) -> list[Seen]:
    """All written answers as the service sees them."""
    questions = {question.id: question for question in _questions()}
    seen = []
    for answer in answers():
        question = questions[answer.question]
        said = relevance.stretches(embed, spoken(answer.text, plain=plain))
        pieces = [encoded for _, encoded in said]
        vectors = np.stack([encoded.vector for encoded in pieces])
        cosine = vectors @ embed([point.text for point in question.points]).T
        head = relevance.evidence(embed, question, pieces)
        made = np.array([point.id in answer.makes for point in question.points])
        seen.append(Seen(question.id, made, cosine.max(0).astype(float), head.max(0).astype(float)))
    return seen


def fit(seen: list[Seen]) -> Weights:
    made = np.concatenate([one.made for one in seen])
    head = np.concatenate([one.head for one in seen])
    model = LogisticRegression().fit(head[:, None], made)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def rows(embed: Embedder) -> list[Row]:
    """By weights fitted on the other questions' answers."""
    seen = look(embed)
    names = list(dict.fromkeys(one.question for one in seen))
    weights = {name: fit([one for one in seen if one.question != name]) for name in names}
    result = []
    for name, of in (("all", seen), ("no punctuation or capitals", look(embed, plain=True))):
        groups = [
            np.concatenate([_columns(one, weights[q]) for one in of if one.question == q])
            for q in names
        ]
        low, high = bootstrap(groups, f1.weighted)
        together = np.concatenate(groups)
        cosine = [np.stack([one.made, one.cosine >= COSINE_FOUND], 1) for one in of]
        baseline = f1.weighted(np.concatenate(cosine).astype(float))
        all_found = f1.weighted(np.stack([together[:, 0], np.ones(len(together))], 1))
        result.append(
            Row(
                area=AREA, metric=METRIC, slice=name, value=f1.weighted(together), low=low,
                high=high, n=len(names), baseline=Comparison(name="cosine", value=baseline),
                note=f"{len(together)} points of {len(of)} written answers, weights fitted on the "
                f"other questions; all found {all_found:.3f}; "
                f"F1 of found {f1.of_class(together, 1):.3f}",
            )
        )  # fmt: skip
    return [*result, relevance_row(embed)]


def relevance_row(embed: Embedder) -> Row:
    """Each written answer against its own question and all others that have one."""
    asked = {q.id: q for q in _questions()}
    names = list(dict.fromkeys(answer.question for answer in answers()))
    groups = []
    for name in names:
        group = []
        for answer in (one for one in answers() if one.question == name):
            words = spoken(answer.text)
            said = np.stack([encoded.vector for _, encoded in relevance.stretches(embed, words)])
            for other in names:
                ours = relevance.relevance(embed, asked[other], words)
                cosine = float((said @ embed([asked[other].text]).T).max())
                group.append((other == name, ours or 0.0, cosine))
        groups.append(np.array(group, float))
    low, high = bootstrap(groups, _auc)
    together = np.concatenate(groups)
    return Row(
        area=AREA, metric="answers told from answers to other questions, ROC-AUC",
        value=_auc(together), low=low, high=high, n=len(names),
        baseline=Comparison(name="cosine to the question", value=_auc(together[:, [0, 2]])),
        note=f"relevance of {len(answers())} written answers to {len(names)} questions",
    )  # fmt: skip


def _auc(columns: Values) -> float:
    return float(roc_auc_score(columns[:, 0], columns[:, 1]))


def _columns(one: Seen, weights: Weights) -> Values:
    """[points, (made, found)]"""
    bias, of_head = weights
    return np.stack([one.made, bias + of_head * one.head >= 0], 1).astype(float)


if __name__ == "__main__":
    print("POINT_BIAS, POINT_HEAD =", fit(look(Embedder())))
