"""Shapes: the network on drawn and real hands, its 'none', and the openness of a hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.gesture.hands import HandTracker
from services.gesture.palms import PalmDetector
from services.gesture.shapes import SHAPES, SURE, ShapeHead, bends, decide, normalize, openness
from services.runtime.media import Floats


def straight_hand() -> Floats:
    """[21, 3] four fingers straight up from the wrist, the thumb to the side."""
    hand = np.zeros((21, 3))
    hand[1:5] = [(-0.3 - 0.15 * joint, -0.2 - 0.15 * joint, 0) for joint in range(4)]
    for finger in range(4):
        for joint in range(4):
            length = 1.0 + (0, 0.45, 0.75, 1.0)[joint]
            hand[5 + 4 * finger + joint] = (0.22 * (finger - 1.5) * length, -length, 0)
    return hand


def curled_hand() -> Floats:
    hand = straight_hand()
    for finger in range(4):
        root = hand[5 + 4 * finger]
        bent = np.array([(0, -0.1, 0.4), (0, 0.3, 0.4), (0, 0.35, 0.1)])
        hand[6 + 4 * finger : 9 + 4 * finger] = root + bent
    return hand


def test_openness_runs_from_fist_to_palm() -> None:
    assert openness(straight_hand()) > 0.95
    assert openness(curled_hand()) < 0.15
    assert bends(straight_hand())["index"] < 10 < 90 < bends(curled_hand())["index"]


def test_normalizing_takes_place_and_size_away() -> None:
    hand = straight_hand()[:, :2]
    assert normalize(hand * 80 + (300, 200)) == pytest.approx(normalize(hand), abs=1e-5)
    assert np.abs(normalize(hand)).max() == pytest.approx(1.0)
    assert not normalize(np.full((21, 2), 7.0)).any()


def test_a_straight_hand_is_an_open_palm_however_it_is_turned() -> None:
    head = ShapeHead()
    hand = straight_hand()[:, :2]
    for angle in np.radians([0, 90, 200]):
        cos, sin = np.cos(angle), np.sin(angle)
        assert head(hand @ np.array([[cos, sin], [-sin, cos]]))[0] == "open_palm"


def test_less_than_sure_is_none() -> None:
    shares = np.zeros(len(SHAPES))
    shares[3], shares[0] = SURE - 0.01, 1.01 - SURE
    assert decide(shares)[0] == "none"
    shares[3], shares[0] = SURE + 0.01, 0.99 - SURE
    shape, sure = decide(shares)
    assert shape == "pointing"
    assert sure == pytest.approx(SURE + 0.01)


@settings(max_examples=50)
@given(arrays.arrays(np.float32, (21, 2), elements=st.floats(-1e4, 1e4, width=32)))
def test_any_points_give_a_shape_and_a_probability(points: Floats) -> None:
    shape, sure = ShapeHead()(points)
    assert shape in SHAPES
    assert 0 <= sure <= 1.001


@pytest.mark.parametrize(
    ("photo", "shape"),
    [
        ("hand_thumb_up.jpg", "thumb_up"),
        ("thumbs_up.png", "thumb_up"),
        ("mediapipe_hagrid/rock/15cb4e8b-ba1d-46f1-8456-247016a599a4.jpg", "none"),
        ("mediapipe_hagrid/four/116292ef-5947-4d6c-a479-630ebb8a1050.jpg", "none"),
    ],
)
def test_photos_that_were_never_trained_on(shared_data: Path, photo: str, shape: str) -> None:
    picture = cv2.imread(str(shared_data / "images_gesture" / photo))
    assert picture is not None
    image = np.ascontiguousarray(picture[:, :, ::-1], np.uint8)
    [hand, *_] = HandTracker(PalmDetector()).track(image, 0)
    assert ShapeHead()(hand.points)[0] == shape
