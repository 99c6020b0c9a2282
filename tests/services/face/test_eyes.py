"""Eyes: openness, gaze, blinks and contact, on drawn faces and sequences."""

import numpy as np
import pytest

from services.face.eyes import LIDS, BlinkDetector, EyeContact, Gaze, gaze, openness
from services.face.mesh import LEFT_IRIS, POINTS, RIGHT_IRIS
from services.face.pose import Pose
from services.runtime.media import Floats

FRAME_US = 66_667
AHEAD = Pose(yaw=0.0, pitch=0.0, roll=0.0)


def eyes(ratio: float = 0.3, across: float = 0.0, up: float = 0.0, roll_deg: float = 0.0) -> Floats:
    """[478, 3]: two eyes 40 px wide, irises moved by a share of that."""
    points = np.zeros((POINTS, 3))
    for (name, middle), iris in zip(
        (("right", 100.0), ("left", 200.0)), (RIGHT_IRIS, LEFT_IRIS), strict=True
    ):
        lids, corners = LIDS[name]
        for corner, side in zip(corners, (-20, 20), strict=True):
            points[corner, :2] = middle + side, 100
        for upper, lower in lids:
            points[upper, :2] = middle, 100 - 20 * ratio
            points[lower, :2] = middle, 100 + 20 * ratio
        points[iris, :2] = middle + 40 * across, 100 - 40 * up
    turn = np.radians(roll_deg)
    cos, sin = np.cos(turn), np.sin(turn)
    points[:, :2] = points[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    return points


def test_openness_is_height_over_width_whatever_the_tilt() -> None:
    assert openness(eyes(0.3)) == pytest.approx(0.3)
    assert openness(eyes(0.3, roll_deg=30)) == pytest.approx(0.3)
    assert openness(np.zeros((POINTS, 3))) == 0.0


def test_gaze_follows_the_irises_and_the_head() -> None:
    straight = gaze(eyes(), AHEAD)
    assert (straight.x, straight.y) == pytest.approx((0, 0), abs=1e-6)
    left = gaze(eyes(across=0.1), AHEAD)  # to the right in the picture: the person's left
    assert left.x == pytest.approx(14.5, abs=0.1)
    assert gaze(eyes(up=0.1), AHEAD).y == pytest.approx(14.5, abs=0.1)
    assert gaze(eyes(across=0.1, roll_deg=25), AHEAD).x == pytest.approx(14.5, abs=0.1)
    turned = gaze(eyes(across=-0.1), Pose(yaw=14.5, pitch=0, roll=0))
    assert turned.x == pytest.approx(0, abs=0.1), "the eyes stay on the camera while the head turns"


def blinks(ratios: list[float]) -> list[tuple[int, int, float]]:
    detector = BlinkDetector()
    found = [detector.add(ratio, number * FRAME_US) for number, ratio in enumerate(ratios)]
    return [blink for blink in found if blink]


@pytest.mark.parametrize("own", [0.18, 0.3, 0.42], ids=["narrow", "usual", "wide"])
def test_a_blink_is_found_whatever_the_persons_own_eyes(own: float) -> None:
    [(start, end, depth)] = blinks([own] * 30 + [own * 0.2] * 3 + [own] * 15)
    assert (start, end) == (30 * FRAME_US, 33 * FRAME_US)
    assert depth == pytest.approx(0.8, abs=0.02)


def test_eyes_that_stay_shut_or_narrow_a_little_are_no_blink() -> None:
    assert not blinks([0.3] * 30 + [0.05] * 12 + [0.3] * 15)
    assert not blinks([0.3] * 30 + [0.22] * 3 + [0.3] * 15)


def test_a_lost_face_ends_no_blink() -> None:
    detector = BlinkDetector()
    for number in range(30):
        detector.add(0.3, number * FRAME_US)
    detector.add(0.05, 30 * FRAME_US)
    detector.reset()
    assert detector.add(0.3, 32 * FRAME_US) is None


def test_contact_is_learned_where_the_person_looks_most() -> None:
    contact = EyeContact()
    camera, aside = Gaze(-4.0, 12.0), Gaze(20.0, 12.0)
    said = [contact.add(camera if n % 10 else aside, n * FRAME_US) for n in range(60)]
    assert said[0] is None
    assert said[-1] is True
    assert contact.centre is not None
    assert (contact.centre.x, contact.centre.y) == pytest.approx((-4.0, 12.0), abs=0.5)
    assert contact.add(aside, 61 * FRAME_US) is False


def test_calibration_ends_after_ten_seconds_however_restless() -> None:
    contact = EyeContact()
    random = np.random.default_rng(1)
    for number in range(170):
        contact.add(Gaze(*random.uniform(-40, 40, 2)), number * FRAME_US)
    assert contact.centre is not None
