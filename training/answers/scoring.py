"""Short answers that people have scored: labels and scores of questions not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr
from sklearn.linear_model import RidgeCV
from sklearn.metrics import cohen_kappa_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.answers.embedder import Embedder, Encoded
from services.answers.pairs import CONTRADICTORY, CORRECT, Pairs
from training.answers import dataset, f1, held_out
from training.answers.dataset import LABELS, MOHLER_MOST, Scored
from training.answers.encoding import encode, nearest, texts
from training.results import Comparison, Row, bootstrap, skipped

AREA = "answers"
RESEARCH = "research-only: trained on tier C data at evaluation, not shipped"
PENALTIES = np.logspace(0, 4, 9)
CORPORA = {"beetle": "electricity (Beetle)", "sciEntsBank": "school science (SciEntsBank)"}

Values = npt.NDArray[np.float64]


def rows(data: Path, embed: Embedder) -> list[Row]:
    return _label_rows(data, embed) + _score_rows(data, embed)


def by_question(items: Sequence[Scored], values: Values) -> list[Values]:
    """The rows of each question."""
    keys = np.array([item.question_key for item in items])
    return [values[keys == key] for key in dict.fromkeys(keys)]


def judged(
    items: Sequence[Scored], known: dict[str, Encoded], pairs: Pairs
) -> tuple[Values, Values]:
    """[n, 3] probabilities by the shipped head and [n] cosines, each to the nearest reference."""
    probabilities, cosines = [], []
    for item in items:
        answer, point = known[item.answer], known[nearest(item, known)]
        probabilities.append(pairs([answer], [point], known[item.question])[0, 0])
        cosines.append(float(answer.vector @ point.vector))
    return np.array(probabilities, float).reshape(-1, 3), np.array(cosines)


def two_way_f1(columns: Values) -> float:
    """Of [n, (label, predicted)], correct against the rest."""
    return f1.weighted((columns == CORRECT).astype(float))


def _label_rows(data: Path, embed: Embedder) -> list[Row]:
    items = dataset.labelled(data)
    if not items:
        return [skipped(AREA, "correct, contradictory or incorrect", f"no {dataset.FOLDER}/*.zip")]
    held = [held_out.of(item) for item in items]
    new = [item for item, one in zip(items, held, strict=True) if one is None]
    if new:
        found = iter(np.column_stack(judged(new, encode(embed, texts(new)), Pairs())))
        held = [next(found) if one is None else one for one in held]
    figures = np.array(held)
    probabilities, cosines = figures[:, : len(LABELS)], figures[:, len(LABELS)]
    labels = np.array([item.label for item in items])
    columns = np.stack([labels, probabilities.argmax(1)], 1).astype(float)
    cosine = np.stack([labels, _by_cosine(items, cosines, labels)], 1).astype(float)
    note = f"{len(items) - len(new)} of {len(items)} answers by heads trained on other questions"
    slices: dict[str, npt.NDArray[np.bool_]] = {"all": np.ones(len(items), bool)}
    for corpus, name in CORPORA.items():
        slices[name] = np.array([item.corpus == corpus for item in items])
    result = []
    for name, chosen in slices.items():
        if not chosen.any():
            continue
        of = [item for item, one in zip(items, chosen, strict=True) if one]
        for metric, statistic in (
            ("correct, contradictory or incorrect, weighted F1", f1.weighted),
            ("correct or not, weighted F1", two_way_f1),
        ):
            groups = by_question(of, columns[chosen])
            low, high = bootstrap(groups, statistic)
            constant = max(
                statistic(np.stack([labels[chosen], np.full(chosen.sum(), label)], 1).astype(float))
                for label in range(len(LABELS))
            )
            result.append(
                Row(
                    area=AREA, metric=metric, slice=name, value=statistic(columns[chosen]),
                    low=low, high=high, n=len(groups),
                    baseline=Comparison(name="cosine", value=statistic(cosine[chosen])),
                    note=f"one label for all {constant:.3f}; {note}",
                )
            )  # fmt: skip
    result.append(_contradictions(items, columns))
    result.append(_brier(items, probabilities, labels))
    return result


def _contradictions(items: Sequence[Scored], columns: Values) -> Row:
    def contradicted(part: Values) -> float:
        return f1.of_class(part, CONTRADICTORY)

    groups = by_question(items, columns)
    low, high = bootstrap(groups, contradicted)
    return Row(
        area=AREA, metric="contradictory answers, F1", value=contradicted(columns), low=low,
        high=high, n=len(groups), note="never told to a candidate: too uncertain",
    )  # fmt: skip


def _brier(items: Sequence[Scored], probabilities: Values, labels: npt.NDArray[np.int64]) -> Row:
    error = (probabilities[:, CORRECT] - (labels == CORRECT)) ** 2
    share = float((labels == CORRECT).mean())
    groups = by_question(items, error)
    low, high = bootstrap(groups, lambda part: float(part.mean()))
    return Row(
        area=AREA, metric="Brier score of correct", value=float(error.mean()), low=low, high=high,
        n=len(groups), better="lower",
        baseline=Comparison(name="share of correct", value=share * (1 - share)),
    )  # fmt: skip


def _by_cosine(
    items: Sequence[Scored], cosines: Values, labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """[n] labels by a threshold on the cosine alone, chosen on the other questions."""
    fold = dataset.folds(items)
    guess = np.zeros(len(items), np.int64)
    for number in np.unique(fold):
        rest, held = fold != number, fold == number
        correct, seen = labels[rest] == CORRECT, cosines[rest]
        tried = np.quantile(seen, np.linspace(0.05, 0.95, 37))
        reached = [f1.weighted(np.stack([correct, seen >= t], 1).astype(float)) for t in tried]
        best = tried[int(np.argmax(reached))]
        below = labels[rest & (cosines < best)]
        rest_label = int(np.bincount(below, minlength=len(LABELS))[:CORRECT].argmax())
        guess[held] = np.where(cosines[held] >= best, CORRECT, rest_label)
    return guess


def pearson(columns: Values) -> float:
    """Of [n, (score, predicted)]."""
    if len(columns) < 3 or columns.std(0).min() == 0:
        return float("nan")
    return float(pearsonr(columns[:, 0], columns[:, 1]).statistic)


def kappa(columns: Values) -> float:
    """Quadratic weighted kappa of scores rounded to whole points."""
    points = np.rint(np.clip(columns, 0, 1) * MOHLER_MOST).astype(int)
    labels = list(range(int(MOHLER_MOST) + 1))
    return float(cohen_kappa_score(points[:, 0], points[:, 1], labels=labels, weights="quadratic"))


def _score_rows(data: Path, embed: Embedder) -> list[Row]:
    items = dataset.scored(data)
    if not items:
        return [skipped(AREA, "scores of short answers", f"no {dataset.FOLDER}/*.csv")]
    known = encode(embed, texts(items))
    scores = np.array([item.score for item in items], float)
    probabilities, cosines = judged(items, known, Pairs())
    transferred = probabilities[:, CORRECT]
    fold = dataset.folds(items)
    features = np.column_stack([probabilities, cosines, *_lengths(items)])
    trained, by_cosine = _ridge(features, scores, fold), _ridge(cosines[:, None], scores, fold)
    result = []
    for metric, statistic in (("Pearson", pearson), ("quadratic weighted kappa", kappa)):
        for name, guess, note in (
            ("computer science (Mohler), shipped head", transferred, "never trained on it"),
            ("computer science (Mohler), trained on it", trained, RESEARCH),
        ):
            columns = np.stack([scores, guess], 1)
            groups = by_question(items, columns)
            low, high = bootstrap(groups, statistic)
            baseline = statistic(np.stack([scores, by_cosine], 1))
            result.append(
                Row(
                    area=AREA, metric=f"scores of short answers, {metric}", slice=name,
                    value=statistic(columns), low=low, high=high, n=len(groups),
                    baseline=Comparison(name="cosine, scaled", value=baseline),
                    note=note + "; questions held out in turn",
                )
            )  # fmt: skip
    return result


def _lengths(items: Sequence[Scored]) -> list[Values]:
    return [np.log1p([float(len(item.answer.split())) for item in items])]


def _ridge(features: Values, scores: Values, fold: npt.NDArray[np.int64]) -> Values:
    """[n] predictions, each by a ridge regression on the other questions."""
    guess = np.zeros(len(scores))
    for number in np.unique(fold):
        model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
        model.fit(features[fold != number], scores[fold != number])
        guess[fold == number] = model.predict(features[fold == number])
    return guess
