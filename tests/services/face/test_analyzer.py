"""The face analyzer on real recordings, and on pictures that are none."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import FaceEvent, FaceState
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.face.analyzer import FaceAnalyzer
from services.runtime.analyzer import Observation
from services.runtime.media import Frame
from training.face.dataset import frames

Watch = Callable[..., list[Observation]]


def states(observations: Iterable[Observation]) -> list[FaceState]:
    return [seen.body for seen in observations if isinstance(seen.body, FaceState)]


def events(
    observations: Iterable[Observation], kind: FaceEvent.Type.ValueType
) -> list[Observation]:
    return [
        seen for seen in observations if isinstance(seen.body, FaceEvent) and seen.body.type == kind
    ]


def test_a_smile_is_an_event_with_its_time(shared_data: Path, watch: Watch) -> None:
    seen = watch(FaceAnalyzer(), shared_data / "video_expression/liveportrait_d19.mp4", 3)
    smiles = events(seen, FaceEvent.SMILE)
    assert smiles
    assert all(smile.end_us - smile.start_us >= 500_000 for smile in smiles)
    early, late = states(seen)[0], states(seen)[-3]
    assert late.smile > early.smile + 0.2, "neutral at first, smiling at the end"


def test_windows_account_for_every_frame(shared_data: Path, watch: Watch) -> None:
    seen = states(
        watch(FaceAnalyzer(), shared_data / "video_talking/retalking_face2.mp4", 3, last=30)
    )
    assert sum(state.frames for state in seen) == 30
    assert sum(state.frames_with_face for state in seen) == 30
    assert all(0 <= state.smile <= 1 and 0 < state.brightness < 1 for state in seen)


def test_a_face_that_leaves_is_lost_and_nothing_is_made_up(shared_data: Path, watch: Watch) -> None:
    seen = watch(FaceAnalyzer(), shared_data / "video_expression/pyfeat_face_noface.mov", 4)
    [lost] = events(seen, FaceEvent.FACE_LOST)
    assert lost.end_us - lost.start_us > 1_000_000
    after = [
        observation.body
        for observation in seen
        if isinstance(observation.body, FaceState) and observation.start_us > lost.start_us
    ]
    assert after
    assert not any(state.HasField("smile") or state.HasField("yaw_deg") for state in after)


def test_nothing_goes_on_through_an_interruption(shared_data: Path) -> None:
    """A second of smiling, half a minute without a frame, and more smiling: two smiles."""
    *_, (smiling, _) = frames(shared_data / "video_expression/liveportrait_d19.mp4", 3)
    analyzer = FaceAnalyzer()
    seen: list[Observation] = []
    for second in (0, 30):
        for number in range(15):
            time_us = second * 1_000_000 + number * 66_667
            seen += analyzer.analyze(Frame(smiling, time_us, number))
    seen += analyzer.finish()
    smiles = events(seen, FaceEvent.SMILE)
    assert [smile.start_us // 1_000_000 for smile in smiles] == [0, 30]
    assert all(told.end_us - told.start_us < 1_000_000 for told in seen)


def test_two_people_in_view_are_told(shared_data: Path, watch: Watch) -> None:
    seen = watch(
        FaceAnalyzer(),
        shared_data / "video_headpose/intel_head_pose_female-and-male.gif",
        1,
        last=40,
    )
    assert max(state.faces for state in states(seen)) == 2
    assert events(seen, FaceEvent.SEVERAL_FACES)


def test_a_portrait_picture_is_as_good(shared_data: Path, watch: Watch) -> None:
    seen = states(
        watch(
            FaceAnalyzer(),
            shared_data / "video_talking/latentsync_demo3_gestures_en.mp4",
            6,
            last=12,
        )
    )
    assert sum(state.frames_with_face for state in seen) == 12
    assert all(0 < state.centre_x < 1 and 0 < state.centre_y < 0.5 for state in seen)


def test_a_small_and_a_dark_face_are_told(shared_data: Path) -> None:
    path = shared_data / "video_talking/retalking_face3.mp4"
    small, dark = FaceAnalyzer(), FaceAnalyzer()
    found: dict[str, list[Observation]] = {"too_small": [], "too_dark": []}
    for number, (image, time_us) in enumerate(frames(path, 6)):
        far = np.pad(image, ((0, 0), (0, 3 * image.shape[1]), (0, 0)))
        found["too_small"] += small.analyze(Frame(far, time_us, number))
        found["too_dark"] += dark.analyze(Frame(image // 5, time_us, number))
    found["too_small"] += small.finish()
    found["too_dark"] += dark.finish()
    for detail, observations in found.items():
        [told] = events(observations, FaceEvent.FRAMING)
        assert isinstance(told.body, FaceEvent)
        assert told.body.detail == detail
        assert told.end_us - told.start_us > 2_000_000


@settings(max_examples=25)
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
    analyzer = FaceAnalyzer()
    found: list[Observation] = []
    for number, image in enumerate(pictures):
        found += analyzer.analyze(Frame(image, number * 66_667, number))
    found += analyzer.finish()
    assert sum(state.frames for state in states(found)) == len(pictures)


def test_a_session_without_frames_says_nothing() -> None:
    assert list(FaceAnalyzer().finish()) == []
