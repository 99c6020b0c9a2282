"""A machine whose clock is set back: time goes on, and comes to agree with it again."""

import itertools

import pytest

from gateway import clock
from gateway.audio import AudioReceiver, Chunker
from gateway.capture_clock import CaptureClock, SenderClock, WallClock
from gateway.clock import SLEW, SteadyClock
from gateway.opus import PACKET_SAMPLES
from gateway.video import Sampler
from services.runtime.ledger import Ledger
from services.runtime.media import CHUNK_SAMPLES, MICROSECONDS, SAMPLE_RATE
from tests.gateway import media

NOW_US = 1_700_000_000 * MICROSECONDS
FRAME_US = MICROSECONDS // 30
HOUR_US = 3_600 * MICROSECONDS


class Machine:
    """A clock that a test sets, in the place of the module `time`."""

    def __init__(self) -> None:
        self.wall_us = NOW_US
        self.monotonic_us = 0

    def wait(self, us: int) -> None:
        self.wall_us += us
        self.monotonic_us += us

    def time_ns(self) -> int:
        return self.wall_us * 1_000

    def monotonic_ns(self) -> int:
        return self.monotonic_us * 1_000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(clock, "time", made)
    monkeypatch.setattr(clock, "_clock", SteadyClock())
    return made


def test_it_is_the_machines_clock(machine: Machine) -> None:
    for step_us in (0, 0, 5, HOUR_US):
        machine.wait(20_000)
        machine.wall_us += step_us
        assert clock.now_us() == machine.wall_us


@pytest.mark.parametrize("back_us", [300_000, 2 * MICROSECONDS, HOUR_US])
def test_set_back_it_goes_on(machine: Machine, back_us: int) -> None:
    """No slower than by a hundredth, and a sweep takes that for no step."""
    wall, before = WallClock(), clock.now_us()
    machine.wall_us -= back_us
    for _ in range(120):
        assert not wall.was_set(before, machine.monotonic_us)
        machine.wait(MICROSECONDS)
        now = clock.now_us()
        assert MICROSECONDS * (SLEW - 1) // SLEW <= now - before <= MICROSECONDS
        before = now


def test_the_machine_catches_up(machine: Machine) -> None:
    clock.now_us()
    machine.wall_us -= 2 * MICROSECONDS
    for _ in range(2 * SLEW):
        assert clock.now_us() > machine.wall_us
        machine.wait(MICROSECONDS)
    assert clock.now_us() == machine.wall_us


@pytest.mark.parametrize("back_us", [300_000, 2 * MICROSECONDS, HOUR_US])
def test_frames_are_taken_all_the_while(machine: Machine, back_us: int) -> None:
    capture, sampler, taken, last = CaptureClock(90_000, SenderClock()), Sampler(15, 5), 0, 0
    for number in range(300):
        if number == 150:
            machine.wall_us -= back_us
        machine.wait(FRAME_US)
        at_us = capture.capture_us(number * 3_000, clock.now_us())
        assert number == 0 or FRAME_US * 0.9 < at_us - last < FRAME_US * 1.1
        last = at_us
        taken += sampler.take(at_us)
    assert 148 <= taken <= 150


def test_sound_is_dated_all_the_while(machine: Machine) -> None:
    starts: list[int] = []
    chunker = Chunker("s", lambda chunk: starts.append(chunk.header.capture_time_us))
    receiver = AudioReceiver(
        frozenset({media.OPUS_TYPE}),
        Ledger("gateway_audio"),
        CaptureClock(48_000, SenderClock(), 20_000),
        chunker,
    )
    packets = media.opus_packets(media.opus(media.sound(4)))
    for number, packet in enumerate(packets):
        if number == len(packets) // 2:
            machine.wall_us -= 2 * MICROSECONDS
        machine.wait(20_000)
        receiver.add(packet)
    gaps = {after - before for before, after in itertools.pairwise(starts)}
    assert len(starts) == len(packets) * PACKET_SAMPLES // CHUNK_SAMPLES
    chunk_us = CHUNK_SAMPLES * MICROSECONDS // SAMPLE_RATE
    assert min(gaps) > chunk_us - 1_000
    assert max(gaps) < chunk_us + 1_000
