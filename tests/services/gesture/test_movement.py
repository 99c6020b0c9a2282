"""Strokes and fidgeting on drawn paths."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gesture.movement import Fidget, HandMovement, Stroke, repetition

FRAME_US = 100_000
"""As the analyzer looks."""
SIZE = 60.0
"""px from wrist to middle finger's root."""


def follow(path: list[tuple[float, float]]) -> tuple[list[Stroke], list[Fidget], HandMovement]:
    """path: palm lengths at ten frames a second."""
    movement = HandMovement()
    strokes: list[Stroke] = []
    fidgets: list[Fidget] = []
    for number, (x, y) in enumerate(path):
        palm = np.array([320 + SIZE * x, 240 + SIZE * y])
        stroke, fidget = movement.add(palm, SIZE, number * FRAME_US)
        strokes += [stroke] if stroke else []
        fidgets += [fidget] if fidget else []
    return strokes, fidgets, movement


def shaking(hz: float, reach: float, seconds: float) -> list[tuple[float, float]]:
    """reach: palm lengths, peak to peak."""
    times = [number * FRAME_US / 1e6 for number in range(round(seconds * 10))]
    return [(reach / 2 * math.sin(2 * math.pi * hz * t), 0.0) for t in times]


@pytest.mark.parametrize("hz", [1.0, 2.0, 3.0, 3.5])
def test_small_repeated_movement_is_fidgeting_with_its_rate(hz: float) -> None:
    _, fidgets, _ = follow(shaking(hz, reach=0.4, seconds=10))
    assert len(fidgets) >= 4
    assert np.median([fidget.rate_hz for fidget in fidgets]) == pytest.approx(hz, rel=0.1)


def two_of_three(hz: float) -> list[Fidget]:
    """Fidgeting told of a shaking hand, at those of 15 frames a second that the analyzer takes."""
    movement = HandMovement()
    fidgets: list[Fidget] = []
    for number in range(150):
        if number % 3 != 1:
            time_us = round(number * 1e6 / 15)
            x = 320 + SIZE * 0.2 * math.sin(2 * math.pi * hz * time_us / 1e6)
            fidget = movement.add(np.array([x, 240.0]), SIZE, time_us)[1]
            fidgets += [fidget] if fidget else []
    return fidgets


@pytest.mark.parametrize("hz", [0.8, 1.0, 2.0, 2.5])
def test_at_the_cameras_frames_its_rate_is_right_up_to_a_bound(hz: float) -> None:
    fidgets = two_of_three(hz)
    assert len(fidgets) >= 4
    assert np.median([fidget.rate_hz for fidget in fidgets]) == pytest.approx(hz, rel=0.1)


@pytest.mark.parametrize("hz", [3.0, 3.5, 4.0, 4.5])
def test_faster_fidgeting_is_found_all_the_same(hz: float) -> None:
    assert len(two_of_three(hz)) >= 4


@pytest.mark.parametrize(
    ("hz", "reach"),
    [(2.0, 0.02), (2.0, 2.5), (0.2, 0.5)],
    ids=["the points' noise", "gestures that mean something", "a slow sway"],
)
def test_what_is_no_fidgeting(hz: float, reach: float) -> None:
    assert not follow(shaking(hz, reach, seconds=10))[1]


def test_a_resting_hand_that_trembles_does_nothing() -> None:
    random = np.random.default_rng(3)
    still = [tuple(random.normal(0, 0.01, 2)) for _ in range(150)]
    strokes, fidgets, movement = follow([(float(x), float(y)) for x, y in still])
    assert not strokes
    assert not fidgets
    assert movement.speed < 0.5


def test_a_stroke_lasts_while_the_hand_is_fast() -> None:
    rest = [(0.0, 0.0)] * 15
    there = [(0.0, -0.6 * step) for step in range(1, 6)]
    [stroke] = follow([*rest, *there, *([there[-1]] * 15)])[0]
    assert 15 * FRAME_US <= stroke.start_us <= 17 * FRAME_US
    assert 200_000 <= stroke.end_us - stroke.start_us <= 900_000


def test_a_jump_of_one_frame_is_no_stroke_of_two_seconds() -> None:
    strokes, _, _ = follow([(0.0, 0.0)] * 15 + [(4.0, 0.0)] + [(4.0, 0.0)] * 30)
    assert all(stroke.end_us - stroke.start_us < 1_000_000 for stroke in strokes)


@given(st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=25, max_size=60))
def test_repetition_never_raises_and_its_rate_is_in_range(path: list[tuple[float, float]]) -> None:
    times = np.arange(len(path)) / 10
    found = repetition(times, np.array(path))
    if found is not None:
        rate_hz, strength = found
        assert 0.5 < rate_hz <= 5.0
        assert strength <= 1.0


def test_a_path_that_never_comes_back_does_not_repeat() -> None:
    random = np.random.default_rng(5)
    walk = np.cumsum(random.normal(0, 0.05, (60, 2)), axis=0)
    assert repetition(np.arange(60) / 10, walk) is None
