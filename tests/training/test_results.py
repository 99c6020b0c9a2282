"""Intervals resample whole persons; a row knows whether it meets its target."""

import numpy as np
import pytest

from training.results import Row, bootstrap


def test_the_interval_covers_the_mean_and_shrinks_with_more_people() -> None:
    random = np.random.default_rng(1)
    people = [random.normal(random.normal(5.0, 1.0), 0.1, 20) for _ in range(40)]
    low, high = bootstrap(people, lambda values: float(values.mean()))
    few_low, few_high = bootstrap(people[:5], lambda values: float(values.mean()))
    assert low < np.mean(people) < high
    assert high - low < few_high - few_low


def test_one_person_has_no_interval() -> None:
    assert all(np.isnan(bootstrap([np.ones(100)], lambda values: float(values.mean()))))


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [(0.9, "higher", True), (0.9, "lower", False), (None, "lower", None)],
)
def test_targets(value: float | None, better: str, expected: bool | None) -> None:
    assert (
        Row(area="face", metric="x", value=value, better=better, target=0.8).meets_target
        is expected
    )
