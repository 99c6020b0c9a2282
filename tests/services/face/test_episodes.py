"""Episodes out of values over time."""

import math

import pytest

from services.face.episodes import NOD_REST_US, Episode, Hysteresis, TurnCounter

FRAME_US = 66_667


def run(detector: Hysteresis, values: list[float]) -> list[Episode]:
    found = [detector.add(value, number * 100_000) for number, value in enumerate(values)]
    return [episode for episode in found if episode]


def test_an_episode_lasts_from_rising_over_on_to_falling_under_off() -> None:
    detector = Hysteresis(on=0.5, off=0.3, min_us=0)
    assert run(detector, [0, 0.4, 0.6, 0.9, 0.4, 0.2, 0.4]) == [Episode(200_000, 500_000, 0.9)]


@pytest.mark.parametrize(("length", "found"), [(1, False), (3, True), (6, False)])
def test_too_short_and_too_long_are_no_episodes(length: int, found: bool) -> None:
    detector = Hysteresis(on=0.5, off=0.5, min_us=200_000, max_us=500_000)
    assert bool(run(detector, [0.0, *[1.0] * length, 0.0])) is found


def test_closing_ends_what_is_open_once() -> None:
    detector = Hysteresis(on=0.5, off=0.5, min_us=100_000)
    assert not run(detector, [1.0, 1.0])
    assert detector.close() == Episode(0, 100_000, 1.0)
    assert detector.close() is None


def turns(counter: TurnCounter, hz: float, reach_deg: float, seconds: float) -> int:
    """How many nods a sine of the head makes."""
    times = range(0, round(seconds * 1e6), FRAME_US)
    return sum(
        counter.add(reach_deg * math.sin(2 * math.pi * hz * time_us / 1e6), time_us) is not None
        for time_us in times
    )


def test_nodding_counts_and_rests_in_between() -> None:
    count = turns(TurnCounter(), hz=2.0, reach_deg=8, seconds=4)
    assert 2 <= count <= 4 * 1e6 / NOD_REST_US


@pytest.mark.parametrize("cycles", [2, 3])
def test_one_nodding_is_one_nod_though_it_lasts(cycles: int) -> None:
    counter = TurnCounter()
    still_us = 2_000_000
    found = 0
    for time_us in range(0, 3 * still_us, FRAME_US):
        phase = min(max(time_us - still_us, 0) / 400_000, cycles)
        found += counter.add(8 * math.sin(2 * math.pi * phase), time_us) is not None
    assert found == 1


@pytest.mark.parametrize(
    ("hz", "reach_deg"),
    [(2.0, 1.5), (0.2, 15.0)],
    ids=["trembling", "looking up and down slowly"],
)
def test_what_is_no_nod(hz: float, reach_deg: float) -> None:
    assert turns(TurnCounter(), hz, reach_deg, seconds=4) == 0


def test_one_turn_of_the_head_is_no_nod() -> None:
    counter = TurnCounter()
    angles = [0.0] * 15 + [20.0] * 30
    assert not any(counter.add(angle, n * FRAME_US) for n, angle in enumerate(angles))
