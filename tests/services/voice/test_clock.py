import numpy as np
import pytest

from services.runtime.media import Pcm
from services.voice.clock import BREAK_FILL, BREAK_STEP, WINDOW, StreamClock
from services.voice.vad import FRAME

START = 1_700_000_000_000_000


def pcm(at_us: int, samples: int = 640) -> Pcm:
    return Pcm(np.arange(samples, dtype=np.int16), START + at_us, 0)


def test_chunks_in_time_are_laid_end_to_end() -> None:
    clock = StreamClock()
    for index in range(5):
        jitter = 5_000 * (index % 2)
        fill, samples, broken = clock.lay(pcm(index * 40_000 + jitter))
        assert (fill, len(samples), broken) == (0, 640, False)
    assert clock.samples == 5 * 640
    assert clock.time_us(2 * 640 + 320) == START + 100_000


def test_a_short_gap_is_filled_and_time_goes_on() -> None:
    clock = StreamClock()
    clock.lay(pcm(0))
    fill, _, broken = clock.lay(pcm(140_000))
    assert (fill, broken) == (1600, False)
    assert clock.time_us(640 + 1600) == START + 140_000


@pytest.mark.parametrize("length", [640, 12_800, 16_000, 64_000])
def test_a_long_gap_is_filled_up_to_a_bound_and_told(length: int) -> None:
    clock = StreamClock()
    clock.lay(pcm(0, length))
    fill, _, broken = clock.lay(pcm(60_000_000))
    assert broken
    assert BREAK_FILL <= fill < BREAK_FILL + BREAK_STEP
    assert (length + fill) % FRAME == (length + fill) % WINDOW == 0
    assert clock.time_us(length + fill) == START + 60_000_000


def test_what_was_heard_already_is_left_out() -> None:
    clock = StreamClock()
    clock.lay(pcm(0, 6400))
    fill, samples, broken = clock.lay(pcm(360_000, 1280))
    assert (fill, broken) == (0, False)
    assert samples.tolist() == list(range(640, 1280))
    assert clock.lay(pcm(0, 640))[1].tolist() == []


def test_a_clock_set_back_starts_anew() -> None:
    clock = StreamClock()
    clock.lay(pcm(100_000_000))
    fill, samples, broken = clock.lay(pcm(0))
    assert (len(samples), broken) == (640, True)
    assert (640 + fill) % BREAK_STEP == 0
    assert clock.time_us(clock.samples) == START + 40_000
