"""What the face and the gesture service share, on drawn input."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.runtime.vision import (
    Detection,
    OneEuro,
    RotatedBox,
    crop,
    decode_ssd,
    largest,
    letterbox,
    ssd_anchors,
    to_picture,
)


@pytest.mark.parametrize(
    ("height", "width", "count"), [(128, 128, 896), (192, 192, 2016), (128, 192, 1344)]
)
def test_anchors_are_as_many_as_the_networks_outputs(height: int, width: int, count: int) -> None:
    anchors = ssd_anchors(height, width)
    assert anchors.shape == (count, 2)
    assert anchors.min() > 0
    assert (anchors.max(0) < (width, height)).all()
    assert anchors.mean(0) == pytest.approx((width / 2, height / 2))


@pytest.mark.parametrize(
    ("height", "width", "step", "shape"),
    [
        (480, 640, 128, (128, 128)),
        (1920, 1080, 128, (128, 128)),
        (1, 300, 128, (128, 128)),
        (360, 640, 32, (96, 128)),
        (1920, 1080, 32, (128, 96)),
        (1, 300, 32, (32, 128)),
    ],
)
def test_a_letterbox_holds_the_picture_whole(
    height: int, width: int, step: int, shape: tuple[int, int]
) -> None:
    boxed, scale, left, top = letterbox(np.full((height, width, 3), 255, np.uint8), 128, step)
    assert boxed.shape == (*shape, 3)
    assert scale == pytest.approx(128 / max(height, width))
    lit = np.argwhere(boxed[..., 0] > 0.5)
    assert (lit.min(0) == (top, left)).all()
    assert np.abs(np.ptp(lit, axis=0) + 1 - (max(height * scale, 1), width * scale)).max() <= 1


@given(st.floats(50, 590), st.floats(50, 430), st.floats(20, 400), st.floats(-math.pi, math.pi))
@example(160.0, 110.0, 20.0, -math.pi)
def test_points_of_a_crop_come_back_to_the_picture(
    x: float, y: float, size: float, rotation: float
) -> None:
    box = RotatedBox(x, y, size, rotation)
    _, back = crop(np.zeros((480, 640, 3), np.uint8), box, 64)
    corners = to_picture(np.array([[32.0, 32.0], [32.0, 0.0], [64.0, 32.0]]), back)
    assert corners[0] == pytest.approx((x, y), abs=0.01)
    up = corners[1] - corners[0]
    assert np.hypot(*up) == pytest.approx(size / 2, rel=1e-3)
    turned = math.atan2(up[0], -up[1]) - rotation
    assert math.remainder(turned, math.tau) == pytest.approx(0, abs=1e-3), "half a turn is one"


def test_a_crop_shows_what_is_there() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[100:120, 150:170] = 255
    patch, _ = crop(image, RotatedBox(160, 110, 20, 0.0), 16)
    assert patch[2:-2, 2:-2].min() > 0.95


def test_overlapping_detections_become_one_and_distant_ones_stay() -> None:
    anchors = np.array([[0.25, 0.25], [0.26, 0.25], [0.75, 0.75], [0.5, 0.5]], np.float32)
    offsets = np.zeros((4, 8), np.float32)
    offsets[:, 2:4] = 20
    found = decode_ssd(offsets, np.array([3.0, 2.0, 1.0, -4.0]), anchors * 128, 0.5)
    assert len(found) == 2
    assert found[0].score > found[1].score
    assert 32 < found[0].box[[0, 2]].mean() < 33.3, "between the two, nearer to the surer"
    assert found[1].box == pytest.approx((86, 86, 106, 106))


def test_no_detection_is_an_empty_list() -> None:
    anchors = ssd_anchors(128, 128)
    logits = np.full(len(anchors), -100.0)
    assert decode_ssd(np.zeros((len(anchors), 16), np.float32), logits, anchors, 0.5) == []


def test_the_largest_is_the_widest() -> None:
    narrow = Detection(np.array([0.0, 0, 10, 90]), np.zeros((6, 2)), 0.9)
    wide = Detection(np.array([0.0, 0, 30, 30]), np.zeros((6, 2)), 0.6)
    assert largest([narrow, wide]) is wide


def test_what_rests_is_smoothed() -> None:
    random = np.random.default_rng(1)
    smooth = OneEuro(1.0, 0.001)
    noisy = random.normal(100, 1.0, (120, 1))
    steady = np.array([smooth(value, n / 15) for n, value in enumerate(noisy)])
    assert steady[30:].std() < 0.6 * noisy[30:].std()


def test_what_moves_is_hardly_delayed() -> None:
    smooth = OneEuro(3.0, 0.15)
    path = [np.array([40.0 * n / 15]) for n in range(45)]  # 40 px/s
    followed = [smooth(value, n / 15) for n, value in enumerate(path)]
    behind_s = float(path[-1][0] - followed[-1][0]) / 40
    assert 0 <= behind_s < 0.03


def test_a_step_back_in_time_starts_anew() -> None:
    smooth = OneEuro(1.0, 0.0)
    smooth(np.array([0.0]), 1.0)
    assert smooth(np.array([5.0]), 0.5) == pytest.approx([5.0])
