"""RTP timestamps to capture times: delay, drift, reports, wrap, restarts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import capture_clock
from gateway.capture_clock import (
    NTP_TO_UNIX_S,
    CaptureClock,
    SenderClock,
    SmallestDelay,
    WallClock,
)
from services.runtime.media import MICROSECONDS

RATE = 90_000
STEP = 3_000
FRAME_US = MICROSECONDS // 30
NOW = 1_700_000_000 * MICROSECONDS
WRAP = 1 << 32


def ntp(unix_us: int) -> int:
    seconds, rest = divmod(unix_us, MICROSECONDS)
    return (seconds + NTP_TO_UNIX_S << 32) + (rest << 32) // MICROSECONDS


def test_without_reports_the_smallest_delay_is_the_zero() -> None:
    clock = CaptureClock(RATE, SenderClock())
    chance = random.Random(1)
    for number in range(300):
        true = NOW + number * MICROSECONDS // 30
        delay = 20_000 if number % 10 == 0 else 20_000 + chance.randrange(30_000)
        got = clock.capture_us(number * STEP, true + delay)
        assert abs(got - (true + 20_000)) <= 2


@pytest.mark.parametrize("offset_us", [0, -3_600 * MICROSECONDS, 7 * MICROSECONDS])
def test_with_reports(offset_us: int) -> None:
    """Clocks that agree give the full delay; others all of it but the smallest one-way delay."""
    clock = CaptureClock(RATE, SenderClock())
    chance = random.Random(2)
    errors = []
    for number in range(600):
        true = NOW + number * MICROSECONDS // 30
        if number % 30 == 5:
            delay = 15_000 + chance.randrange(10_000)
            clock.report((number * STEP) % WRAP, ntp(true + offset_us), true + delay)
        got = clock.capture_us(number * STEP, true + 40_000 + chance.randrange(30_000))
        errors.append(got - true)
    settled = errors[60:]
    assert max(settled) - min(settled) < 10_100
    if offset_us == 0:
        assert all(abs(error) <= 2 for error in settled)
    else:
        assert all(14_000 <= error <= 25_100 for error in settled)


@pytest.mark.parametrize("drift", [1e-4, -1e-4])
def test_a_drifting_sender(drift: float) -> None:
    """100 ppm is 60 ms in ten minutes: with reports it never adds up."""
    clock = CaptureClock(RATE, SenderClock())
    worst = 0
    for number in range(0, 18_000, 3):
        media_us = number * MICROSECONDS // 30
        true = NOW + round(media_us * (1 + drift))
        if number % 60 == 0:
            clock.report((number * STEP) % WRAP, ntp(NOW + 9 * MICROSECONDS + media_us), true)
        got = clock.capture_us((number * STEP) % WRAP, true + 20_000)
        worst = max(worst, abs(got - true))
    assert worst <= 25_000


@given(st.integers(0, WRAP - 1), st.lists(st.integers(-2, 40), max_size=80))
def test_never_backwards_and_never_after_arrival(start: int, steps: list[int]) -> None:
    clock = CaptureClock(RATE, SenderClock(), span_us=20_000)
    number, last = 0, 0
    for step in steps:
        number += step
        arrival = NOW + number * FRAME_US
        got = clock.capture_us((start + number * STEP) % WRAP, arrival)
        assert got >= last
        assert got <= max(last, arrival - 20_000)
        last = got


def test_the_circle_of_timestamps() -> None:
    clock = CaptureClock(RATE, SenderClock())
    start = WRAP - 10 * STEP
    for number in range(20):
        true = NOW + number * MICROSECONDS // 30
        assert abs(clock.capture_us((start + number * STEP) % WRAP, true) - true) <= 2


@pytest.mark.parametrize("leap", [-(10**9), 10**9, 2**31 - 1])
def test_a_sender_that_starts_anew(leap: int) -> None:
    """Other timestamps: at once as good as before, not stale for the length of a window."""
    clock = CaptureClock(RATE, SenderClock())
    for number in range(60):
        clock.capture_us(number * STEP, NOW + number * MICROSECONDS // 30)
    clock.report(60 * STEP, ntp(NOW), NOW + 2 * MICROSECONDS)
    for number in range(60, 90):
        arrival = NOW + number * MICROSECONDS // 30
        got = clock.capture_us((leap + number * STEP) % WRAP, arrival)
        assert 0 <= arrival - got <= 2


def test_a_pause_of_the_sender() -> None:
    """Its timestamps stand still meanwhile, as with a replayed file."""
    clock = CaptureClock(RATE, SenderClock())
    clock.capture_us(0, NOW)
    arrival = NOW + 60 * MICROSECONDS
    assert clock.capture_us(STEP, arrival) == arrival


def test_smallest_delays_are_forgotten() -> None:
    smallest = SmallestDelay()
    assert smallest.add(5, NOW) == 5
    window = capture_clock.WINDOW_US
    assert smallest.add(9, NOW + window + 1) == 5
    assert smallest.add(9, NOW + 2 * window + 2) == 9


def settled(
    clock: CaptureClock,
    numbers: range,
    *,
    sender_set_us: int = 0,
    ours_set_us: int = 0,
    reports: bool = True,
) -> int:
    """How far from the truth the last frame's capture time is, after a minute's report each
    second. *_set_us: by how much a clock was set before this minute."""
    error = 0
    for number in numbers:
        true = NOW + number * MICROSECONDS // 30
        if reports and number % 30 == 5:
            sent = ntp(true + sender_set_us)
            clock.report((number * STEP) % WRAP, sent, true + ours_set_us + 20_000)
        at_us = true + ours_set_us + 20_000
        error = clock.capture_us((number * STEP) % WRAP, at_us) - (true + ours_set_us)
    return error


def test_the_senders_clock_is_set() -> None:
    """A laptop that finds its time server in mid-interview: nothing is stale for long."""
    clock = CaptureClock(RATE, SenderClock())
    assert abs(settled(clock, range(300))) <= 20_000
    assert abs(settled(clock, range(300, 360), sender_set_us=-2 * MICROSECONDS)) <= 20_000
    assert abs(settled(clock, range(360, 420), sender_set_us=30 * MICROSECONDS)) <= 20_000


@pytest.mark.parametrize("reports", [True, False])
def test_our_clock_is_set(reports: bool) -> None:
    sender = SenderClock()
    clock = CaptureClock(RATE, sender)
    wall = WallClock()
    assert not wall.was_set(NOW, 5)
    assert abs(settled(clock, range(300), reports=reports)) <= 20_000
    forward_us = 2 * MICROSECONDS
    assert not wall.was_set(NOW + 10 * MICROSECONDS + 1_000, 10 * MICROSECONDS + 5)
    assert wall.was_set(NOW + 11 * MICROSECONDS + forward_us, 11 * MICROSECONDS + 5)
    assert not wall.was_set(NOW + 12 * MICROSECONDS + forward_us, 12 * MICROSECONDS + 5)
    sender.forget()
    frames = range(300, 330)
    assert abs(settled(clock, frames, ours_set_us=forward_us, reports=reports)) <= 20_000


def test_a_sender_without_a_clock() -> None:
    """Its reports have no NTP time (RFC 3550, 6.4.1): arrival times are what there is."""
    clock = CaptureClock(RATE, SenderClock())
    for number in range(1_800):
        true = NOW + number * MICROSECONDS // 30
        if number % 30 == 5:
            clock.report((number * STEP) % WRAP, 0, true + 20_000)
        assert abs(clock.capture_us((number * STEP) % WRAP, true + 20_000) - true) <= 20_001
