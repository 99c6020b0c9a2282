"""What each score loses when a modality is missing, on the real recordings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from greenroom.v1.report_pb2 import Baseline, Score

from services.aggregator.fold import Fold
from services.aggregator.scores import scores
from services.aggregator.spans import Stretch
from services.aggregator.values import Values
from training.fusion.corpus import Practice
from training.fusion.weights import MODALITY, WEIGHTS
from training.results import Row, bootstrap, skipped


def _given(practice: Practice, without: Iterable[str] = ()) -> dict[str, Score]:
    """The scores of the answer that can be given, some measures taken for not seen."""
    fold = Fold("")
    for message in practice.stream:
        fold.take(message)
    asked = fold.state.asked[0]
    assert asked.end_us is not None
    values = Values(fold.state, Stretch(asked.start_us, asked.end_us, asked))
    for measure in without:
        values.values.pop(measure, None)
    return {s.score: s for s in scores(values, Baseline()) if s.HasField("value")}


def rows(practices: Iterable[Practice]) -> list[Row]:
    """For each score and modality: how far the score moves, how much wider its interval is,
    and how often it can't be given any more."""
    listed = list(practices)
    full = [_given(practice) for practice in listed]
    made = []
    for modality, measures in MODALITY.items():
        cut = [_given(practice, measures) for practice in listed]
        for score, parts in WEIGHTS.items():
            if not {part.measure for part in parts} & set(measures):
                continue
            made.append(_row(score, modality, full, cut))
    return made


def _row(
    score: str, modality: str, full: list[dict[str, Score]], cut: list[dict[str, Score]]
) -> Row:
    metric = f"{score} without {modality}: points it moves"
    before = [index for index, found in enumerate(full) if score in found]
    pairs = [(full[index][score], cut[index][score]) for index in before if score in cut[index]]
    withheld = len(before) - len(pairs)
    note = f"not given any more in {withheld} of {len(before)} recordings"
    if not pairs:
        return skipped("fusion", metric, note)
    moved = np.array([abs(a.value - b.value) for a, b in pairs])
    wider = np.array([(b.high - b.low) - (a.high - a.low) for a, b in pairs])
    low, high = bootstrap([np.array([each]) for each in moved], lambda v: float(np.mean(v)))
    return Row(
        area="fusion",
        metric=metric,
        value=float(np.mean(moved)),
        low=low,
        high=high,
        unit="points",
        n=len(pairs),
        better="lower",
        note=f"interval wider by {np.mean(wider):.1f} points; {note}",
    )
