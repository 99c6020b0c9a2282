"""The delivery scores: the model says what its table says, and nothing of what was not seen."""

import math
from typing import Any

import numpy as np
import pytest
from greenroom.v1.report_pb2 import Baseline
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.scores import MIN_SHARE, delivery, scores
from services.aggregator.spans import Stretch
from services.aggregator.values import Values
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import SECOND, START_US, fold, opening
from training.fusion.weights import (
    INPUTS,
    OWN_SHARE,
    SCORES,
    UNKNOWN_ERROR,
    UNSEEN_VARIANCE,
    WEIGHT_DOUBT,
    WEIGHTS,
)

MAYBE = st.none() | st.floats(-10, 250)
VECTOR = st.lists(MAYBE, min_size=len(INPUTS), max_size=len(INPUTS))
ERRORS = st.lists(st.none() | st.floats(0, 40), min_size=len(INPUTS), max_size=len(INPUTS))


def run(**inputs: list[float | None]) -> dict[str, Any]:
    given_ = {
        name: np.array([math.nan if number is None else number for number in numbers])
        for name, numbers in inputs.items()
    }
    names = ["score", "variance", "contributions", "seen"]
    return dict(zip(names, delivery().session.run(names, given_), strict=True))


def clip(value: float) -> float:
    return min(1.0, max(-1.0, value))


@given(VECTOR, ERRORS, VECTOR, VECTOR)
def test_the_model_is_its_table(
    value: list[float | None],
    error: list[float | None],
    minute: list[float | None],
    past: list[float | None],
) -> None:
    got = run(value=value, error=error, first_minute=minute, history=past)
    for row, name in enumerate(SCORES):
        full = sum(part.weight for part in WEIGHTS[name])
        score, variance, seen = 50.0, 0.0, 0.0
        for part in WEIGHTS[name]:
            at = INPUTS.index(part.measure)
            points, half = 50 * part.weight / full, (part.best - part.worst) / 2
            if (found := value[at]) is None:
                variance += points**2 * UNSEEN_VARIANCE
                continue
            z = clip((found - (part.best + part.worst) / 2) / half)
            own = [clip((found - o) / half) for o in (minute[at], past[at]) if o is not None]
            if own:
                z += OWN_SHARE[name] * (sum(own) / len(own) - z)
            sigma = UNKNOWN_ERROR if (e := error[at]) is None else min(1.0, e / abs(half))
            variance += (points * sigma) ** 2 + (WEIGHT_DOUBT * points * z) ** 2
            score += points * z
            seen += part.weight / full
            assert got["contributions"][row][at] == pytest.approx(points * z, abs=1e-9)
        assert got["score"][row] == pytest.approx(score, abs=1e-9)
        assert got["variance"][row] == pytest.approx(variance, abs=1e-9)
        assert got["seen"][row] == pytest.approx(seen, abs=1e-9)
        assert 0 <= got["score"][row] <= 100


def test_the_model_carries_its_names() -> None:
    assert delivery().measures == INPUTS
    assert delivery().scores == SCORES
    assert set(INPUTS) | set(SCORES) <= set(MEASURES)


def test_no_affect_measure_goes_into_a_score_that_is_shown_without_affect() -> None:
    for score in SCORES:
        if not MEASURES[score].affect:
            assert not any(MEASURES[part.measure].affect for part in WEIGHTS[score])


@pytest.mark.parametrize("side", ["worst", "best"])
def test_the_edges_are_nought_and_a_hundred(side: str) -> None:
    for row, name in enumerate(SCORES):
        value: list[float | None] = [None] * len(INPUTS)
        for part in WEIGHTS[name]:
            value[INPUTS.index(part.measure)] = getattr(part, side)
        nothing: list[float | None] = [None] * len(INPUTS)
        got = run(value=value, error=nothing, first_minute=nothing, history=nothing)
        assert got["score"][row] == pytest.approx(0 if side == "worst" else 100)


def values(numbers: dict[str, float], error: float = 1.0) -> Values:
    """Measures with these values, as if they had been seen."""
    made = Values(fold(opening()).state, Stretch(START_US, START_US + 60 * SECOND))
    for name, number in numbers.items():
        made._put(name, number, error=error)
    return made


FLUENT = {
    "speech_rate": 150.0,
    "filled_pauses": 1.0,
    "mean_run": 9.0,
    "pause_mean": 0.5,
    "filler_words": 1.0,
    "disfluencies": 1.0,
}


def score(
    name: str, numbers: dict[str, float], own: Baseline | None = None, error: float = 1.0
) -> Any:
    found = scores(values(numbers, error), own or Baseline())
    return next(each for each in found if each.score == name)


def test_too_little_gives_no_score() -> None:
    for name in SCORES:
        got = score(name, {"speech_rate": 150.0})
        assert not got.HasField("value")
        assert got.not_seen
        assert not got.evidence
        assert not got.contributions


def test_half_of_the_weights_is_enough() -> None:
    total, seen, numbers = sum(part.weight for part in WEIGHTS["fluency"]), 0.0, {}
    for part in WEIGHTS["fluency"]:
        numbers[part.measure] = part.best
        seen += part.weight / total
        assert score("fluency", numbers).HasField("value") == (seen >= MIN_SHARE)


def test_every_contribution_has_its_evidence() -> None:
    got = score("fluency", FLUENT)
    assert {each.measure for each in got.evidence} == set(got.contributions) == set(FLUENT)
    assert sum(got.contributions.values()) == pytest.approx(got.value - 50, abs=0.1)


def test_what_is_missing_or_uncertain_widens_the_interval() -> None:
    def width(numbers: dict[str, float], error: float = 1.0) -> float:
        got = score("fluency", numbers, error=error)
        return float(got.high - got.low)

    middling = FLUENT | {"speech_rate": 120.0, "filled_pauses": 6.0, "mean_run": 6.0}
    less = {name: number for name, number in middling.items() if name != "filler_words"}
    assert width(middling) < width(less)
    assert width(middling) < width(middling, error=20.0)


def test_the_person_s_own_figures_count() -> None:
    restless = {"fidgeting": 30.0, "filled_pauses": 8.0, "self_touch": 12.0, "blink_rate": 30.0}
    known = Baseline(history=restless)
    assert score("stress_signs", restless, known).value < score("stress_signs", restless).value
    assert score("fluency", FLUENT, Baseline(history=FLUENT)).value < score("fluency", FLUENT).value


def test_an_answer_is_not_compared_with_other_answers() -> None:
    good = {"completeness": 80.0, "relevance": 80.0, "specificity": 50.0}
    assert score("answer_quality", good, Baseline(history=good)) == score("answer_quality", good)
