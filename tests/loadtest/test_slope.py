"""Slopes: growth is seen, noise is not."""

import numpy as np
import pytest

from loadtest.slope import slope, student


def test_growth_is_seen_through_noise() -> None:
    times = np.arange(0, 3600, 5.0)
    noise = np.random.default_rng(1).normal(0, 2, len(times))
    made = slope(times, 100 + 10 * times / 3600 + noise)
    assert made is not None
    assert made.per_hour == pytest.approx(10, abs=1)
    assert not made.flat
    assert made.low < 10 < made.high


def test_noise_alone_is_flat_in_most_runs() -> None:
    times = np.arange(0, 3600, 5.0)
    flat = 0
    for seed in range(100):
        steps = np.random.default_rng(seed).normal(0, 1, len(times))
        red = np.zeros(len(times))
        for n in range(1, len(times)):  # each value leans on the one before, as memory does
            red[n] = 0.8 * red[n - 1] + steps[n]
        made = slope(times, 100 + red)
        assert made is not None
        flat += made.flat
    assert flat >= 88


def test_intervals_of_many_together_are_wider() -> None:
    times = np.arange(0, 3600, 5.0)
    noise = np.random.default_rng(2).normal(0, 2, len(times))
    one, many = slope(times, noise), slope(times, noise, together=33)
    assert one is not None
    assert many is not None
    assert one.per_hour == many.per_hour
    ratio = (many.high - many.low) / (one.high - one.low)
    assert ratio == pytest.approx(3.171 / 1.960, rel=1e-2)


def test_a_constant_is_flat_and_a_few_points_say_nothing() -> None:
    made = slope([0, 5, 10, 15, 20], [7, 7, 7, 7, 7])
    assert made is not None
    assert made.flat
    assert slope([0, 5, 10, 15], [1, 2, 3, 5]) is None


@pytest.mark.parametrize(
    ("share", "degrees", "quantile"),
    [  # of printed tables, and scipy.stats.t.ppf
        (0.975, 1, 12.7062),
        (0.975, 4, 2.77645),
        (0.975, 46, 2.01290),
        (1 - 0.025 / 33, 1, 420.169),
        (1 - 0.025 / 33, 2.5, 15.4613),
        (1 - 0.025 / 33, 46, 3.37333),
    ],
)
def test_students_quantiles(share: float, degrees: float, quantile: float) -> None:
    assert student(share, degrees) == pytest.approx(quantile, rel=1e-4)


def test_a_few_points_prove_little() -> None:
    random = np.random.default_rng(3)
    made = [slope(np.arange(6.0), random.normal(0, 1, 6)) for _ in range(400)]
    assert sum(one is not None and not one.flat for one in made) <= 0.05 * 400
