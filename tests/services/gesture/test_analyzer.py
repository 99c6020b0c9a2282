"""The gesture analyzer on real recordings, and on pictures that are none."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from greenroom.v1.signals_pb2 import GestureEvent, GestureState
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.gesture.analyzer import HIDDEN_AFTER_US, PERIOD_US, GestureAnalyzer
from services.runtime.analyzer import Observation
from services.runtime.media import Frame
from training.face.dataset import frames

Watch = Callable[..., list[Observation]]


def states(observations: Iterable[Observation]) -> list[GestureState]:
    return [seen.body for seen in observations if isinstance(seen.body, GestureState)]


def events(observations: Iterable[Observation]) -> list[GestureEvent]:
    return [seen.body for seen in observations if isinstance(seen.body, GestureEvent)]


def test_an_open_hand_is_named_and_open(shared_data: Path, watch: Watch) -> None:
    seen = watch(
        GestureAnalyzer(), shared_data / "video_gesture/mediapipe_open_palm_turn.mp4", 3, last=45
    )
    named = {(event.type, event.detail) for event in events(seen)}
    assert (GestureEvent.NAMED, "open_palm") in named
    assert not any(event.type == GestureEvent.POINTING for event in events(seen))
    assert np.mean([state.openness for state in states(seen) if state.hands]) > 0.7
    assert not any(state.HasField("self_touch") for state in states(seen)), "there is no face"


@pytest.fixture
def open_palm(shared_data: Path) -> npt.NDArray[np.uint8]:
    clip = frames(shared_data / "video_gesture/mediapipe_open_palm_turn.mp4", 3)
    image, _ = next(islice(clip, 18, None))  # turned to the camera
    return image


def test_nothing_goes_on_through_an_interruption(open_palm: npt.NDArray[np.uint8]) -> None:
    analyzer = GestureAnalyzer()
    seen: list[Observation] = []
    for second in (0, 30):
        for number in range(10):
            time_us = second * 1_000_000 + number * PERIOD_US
            seen += analyzer.analyze(Frame(open_palm, time_us, number))
    seen += analyzer.finish()
    named = [
        told
        for told in seen
        if isinstance(told.body, GestureEvent) and told.body.type == GestureEvent.NAMED
    ]
    assert [told.start_us // 1_000_000 for told in named] == [0, 30]
    assert all(told.end_us - told.start_us < 1_000_000 for told in seen)


def test_another_resolution_is_no_movement(open_palm: npt.NDArray[np.uint8]) -> None:
    """The sender halves it when the network is short."""
    analyzer = GestureAnalyzer()
    half = np.ascontiguousarray(open_palm[::2, ::2])
    seen: list[Observation] = []
    for number in range(40):
        image = open_palm if number < 20 else half
        seen += analyzer.analyze(Frame(image, number * PERIOD_US, number))
    seen += analyzer.finish()
    assert all(state.hands for state in states(seen))
    assert max(state.movement for state in states(seen)) < 0.5
    assert not any(event.type == GestureEvent.STROKE for event in events(seen))


def test_a_speakers_gestures_are_strokes_of_two_hands(shared_data: Path, watch: Watch) -> None:
    path = shared_data / "video_talking/latentsync_demo3_gestures_en.mp4"
    seen = watch(GestureAnalyzer(), path, 3, last=80)
    assert np.mean([state.hands for state in states(seen)]) > 1.2
    assert sum(event.type == GestureEvent.STROKE for event in events(seen)) >= 3
    assert max(len(state.hand) for state in states(seen)) == 2
    assert not any(event.type == GestureEvent.FIDGET for event in events(seen))


def test_a_hand_before_the_face_is_self_touch(shared_data: Path, watch: Watch) -> None:
    seen = watch(
        GestureAnalyzer(),
        shared_data / "video_expression/pyfeat_pexels_woman_cry_to_smile.mp4",
        4,
        last=60,
    )
    touches = [event for event in events(seen) if event.type == GestureEvent.SELF_TOUCH]
    assert touches
    assert {event.detail for event in touches} <= {"face", "hair"}
    assert max(state.self_touch for state in states(seen)) == 1.0


def test_no_hands_for_a_while_is_told_once_and_nothing_is_made_up(shared_data: Path) -> None:
    analyzer = GestureAnalyzer()
    image, _ = next(frames(shared_data / "video_talking/retalking_face3.mp4"))
    seen: list[Observation] = []
    for number in range(30):
        seen += analyzer.analyze(Frame(image, number * HIDDEN_AFTER_US // 25, number))
    seen += analyzer.finish()
    assert [event.type for event in events(seen)] == [GestureEvent.HANDS_HIDDEN]
    assert not any(state.HasField("movement") or state.hand for state in states(seen))


def test_faster_frames_than_needed_are_passed_over() -> None:
    analyzer = GestureAnalyzer()
    image = np.zeros((120, 160, 3), np.uint8)
    found: list[Observation] = []
    for number in range(60):  # four seconds at fifteen a second
        found += analyzer.analyze(Frame(image, number * 66_667, number))
    found += analyzer.finish()
    assert abs(sum(state.frames for state in states(found)) - 4_000_000 / PERIOD_US) <= 2


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(1, 90), st.integers(1, 90)).flatmap(
            lambda size: arrays.arrays(np.uint8, (*size, 3))
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_picture_makes_it_raise(pictures: list[npt.NDArray[np.uint8]]) -> None:
    analyzer = GestureAnalyzer()
    found: list[Observation] = []
    for number, image in enumerate(pictures):
        found += analyzer.analyze(Frame(image, number * PERIOD_US, number))
    found += analyzer.finish()
    assert sum(state.frames for state in states(found)) == len(pictures)


def test_a_session_without_frames_says_nothing() -> None:
    assert list(GestureAnalyzer().finish()) == []
