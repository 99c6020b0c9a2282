"""The analysis of the latency bench: says which picture it saw, as late as it is told to."""

import time

import numpy as np
import pytest
from av import VideoFrame

from loadtest.burn import picture
from loadtest.latency_worker import FrameReader
from services.runtime.media import Frame


def seen(number: int | None) -> Frame:
    """A grey picture at VGA, as a worker gets it; with a number burnt in or without."""
    made = VideoFrame.from_ndarray(np.full((720, 640), 128, np.uint8), "yuv420p")
    if number is not None:
        made = picture(made, number)
    image = made.to_ndarray(format="rgb24").astype(np.uint8)
    return Frame(image, capture_us=1_000, sequence=7)


@pytest.mark.parametrize("number", [0, 1, 688, 40_000])
def test_says_the_number(number: int) -> None:
    [observation] = FrameReader(0).analyze(seen(number))
    assert observation.body.utterance == number  # type: ignore[union-attr]
    assert (observation.start_us, observation.end_us) == (1_000, 1_000)


def test_says_nothing_of_a_picture_without() -> None:
    assert list(FrameReader(0).analyze(seen(None))) == []


def test_works_as_long_as_told() -> None:
    began = time.perf_counter()
    list(FrameReader(0.02).analyze(seen(3)))
    assert time.perf_counter() - began >= 0.02
