"""Drawn hands: their labels follow from their fingers."""

import numpy as np
import pytest

from services.gesture.shapes import SHAPES, bends
from services.runtime.media import Floats
from training.gesture import synthesis
from training.gesture.rules import name_of


@pytest.fixture
def palm() -> Floats:
    """[21, 3] a flat open hand."""
    hand = np.zeros((21, 3))
    hand[1:5] = [(-0.03 - 0.015 * j, -0.02 - 0.015 * j, 0.004 * j) for j in range(4)]
    for finger in range(4):
        for joint in range(4):
            length = 0.1 * (1.0 + (0, 0.45, 0.75, 1.0)[joint])
            place = (0.022 * (finger - 1.5) * length * 10, -length, 0.002 * joint)
            hand[5 + 4 * finger + joint] = place
    return hand


def test_fingers_bend_as_their_states_say(palm: Floats) -> None:
    random = np.random.default_rng(1)
    for _ in range(30):
        states = tuple(
            str(state) for state in random.choice([synthesis.STRETCHED, synthesis.CURLED], 4)
        )
        bent = bends(synthesis.pose(palm, states, out=True, random=random))
        for finger, state in zip(synthesis.FOUR, states, strict=True):
            assert (bent[finger] > 90) is (state == synthesis.CURLED)


def test_bones_keep_their_length(palm: Floats) -> None:
    random = np.random.default_rng(2)
    posed = synthesis.pose(palm, (synthesis.CURLED,) * 4, out=True, random=random)
    for root in (5, 9, 13, 17):
        for joint in range(root, root + 3):
            was = np.linalg.norm(palm[joint + 1] - palm[joint])
            assert np.linalg.norm(posed[joint + 1] - posed[joint]) == pytest.approx(was)


def test_every_shape_is_drawn_and_its_points_are_sound(palm: Floats) -> None:
    random = np.random.default_rng(3)
    made = [synthesis.draw(palm[None], random) for _ in range(400)]
    hands = [hand for hand in made if hand]
    assert {label for _, label in hands} == set(SHAPES)
    assert all(points.shape == (21, 2) and np.isfinite(points).all() for points, _ in hands)


@pytest.mark.parametrize(
    ("direction", "label"),
    [((0, -1), "thumb_up"), ((0.5, -1), "thumb_up"), ((0, 1), "thumb_down"), ((1, 0), "none"),
     ((-1, 0.1), "none"), ((0.95, -0.9), None)],
)  # fmt: skip
def test_a_thumb_is_named_by_where_it_points(
    direction: tuple[float, float], label: str | None
) -> None:
    assert synthesis.thumb_label(*direction) == label


def test_fixed_bounds_name_the_plain_shapes(palm: Floats) -> None:
    assert name_of(palm[:, :2], palm) == "open_palm"
    random = np.random.default_rng(4)
    fist = synthesis.pose(palm, (synthesis.CURLED,) * 4, out=False, random=random)
    assert name_of(fist[:, :2], fist) in {"fist", "thumb_up", "thumb_down"}
