"""What a soak makes of its samples; the soak itself is `make soak`."""

from array import array

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from loadtest.figures import Samples
from loadtest.soak import SAMPLE_S, SESSION_S, by_minute, show, slopes, tell

HOUR_S, FRAME_S = 3600.0, 2.0
"""Frames are fewer here than fifteen a second: what they share is what counts."""

RUNS = 800
TOGETHER = 33
"""Series of a soak."""


def test_a_mean_for_each_minute() -> None:
    sampled = Samples()
    for at in range(0, 150, 5):
        sampled.add(1_000.0 + at, 10.0 if at < 60 else 20.0)
    first, second, third = by_minute(sampled)
    assert first is not None
    assert 10 <= first < 11, "the next minute's first sample may be in it"
    assert (second, third) == (20, 20)
    assert by_minute(Samples()) == []


def test_a_minute_without_samples_is_told_as_one() -> None:
    sampled = Samples()
    sampled.add(0.0, 1.0)
    sampled.add(130.0, 2.0)
    assert by_minute(sampled) == [1.0, None, 2.0]


Floats = npt.NDArray[np.float64]


def leaning(memory: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """(times, values of each run): samples lean on the one before, as a process's memory does."""
    times = np.arange(0, HOUR_S, SAMPLE_S)
    values = random.normal(0, 1, (len(times), RUNS))
    for n in range(1, len(times)):
        values[n] += memory * values[n - 1]
    return times, values.T


def of_sessions(random: np.random.Generator) -> tuple[Floats, Floats]:
    """The same of frames' ages: what a session adds, to all of its frames, and noise."""
    times = np.arange(0, HOUR_S, FRAME_S)
    number = (times // (SESSION_S + 5)).astype(int)  # 5 s to join and for the report
    added = random.normal(0, 1, (RUNS, number.max() + 1))
    return times, added[:, number] + random.normal(0, 1, (RUNS, len(times)))


def minutes(times: Floats, values: Floats) -> list[float | None]:
    return by_minute(Samples(array("d", times), array("d", values)))


@pytest.mark.parametrize("memory", [0.9, 0.95, None], ids=["0.9", "0.95", "sessions"])
def test_what_does_not_grow_is_seldom_said_to(memory: float | None) -> None:
    """A share of (1 - 0.95) / 33 of these is meant to be; four times that is let pass."""
    random = np.random.default_rng(7)
    times, runs = leaning(memory, random) if memory else of_sessions(random)
    others: dict[str, list[float | None]] = {f"{n}": [] for n in range(1, TOGETHER)}
    alarms = alone = 0
    for values in runs:
        made = minutes(times, values)
        alone += not slopes({"one": made})["one"].flat
        alarms += not slopes({"one": made} | others)["one"].flat
    assert alone <= 0.05 * RUNS * 1.5
    assert alarms <= 0.05 / TOGETHER * RUNS * 4


def test_what_grows_is_found() -> None:
    times, runs = leaning(0.9, np.random.default_rng(7))
    made = [
        slopes({"memory": minutes(times, values + 20 * times / HOUR_S)})["memory"]
        for values in runs[:100]
    ]
    assert all(one.low > 0 for one in made)
    assert sum(one.low < 20 < one.high for one in made) >= 92


def test_the_warm_up_is_left_out_and_so_are_minutes_without_samples() -> None:
    found = slopes({"memory": [90.0, 50.0, 7.0, None, 7.0, 7.0, 7.0, None, 7.0, 7.0]})
    assert (found["memory"].per_hour, found["memory"].flat) == (0, True)


def test_a_short_soak_says_that_it_knows_nothing() -> None:
    console = Console(record=True, width=100)
    assert slopes({"memory": [1.0, 2.0, 3.0, 4.0, 5.0]}) == {}
    show({}, console)
    assert "Too short" in console.export_text()


def test_what_servers_say_is_no_markup() -> None:
    console = Console(record=True, width=100)
    tell(["refused [/red] by [bold]host"], console)
    assert "refused [/red] by [bold]host" in console.export_text()
