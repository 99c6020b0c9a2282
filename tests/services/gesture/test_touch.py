"""Self-touch, by where drawn fingertips are."""

import numpy as np
import pytest

from services.gesture.hands import Hand
from services.gesture.touch import TIPS, touched
from services.runtime.vision import Detection

FACE = Detection(np.array([270.0, 180.0, 370.0, 280.0]), np.zeros((6, 2)), 0.9)
"""100 px wide, its middle at (320, 230)."""


def hand_at(x: float, y: float, tips: int = 5) -> Hand:
    """A hand far below whose first tips are at (x, y)."""
    points = np.full((21, 2), 460.0)
    points[TIPS[:tips]] = x, y
    return Hand(1, points, np.zeros((21, 3)), 1.0, True)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ((320, 230), "face"),
        ((290, 260), "face"),
        ((320, 150), "hair"),
        ((390, 160), "hair"),
        ((320, 460), ""),
        ((450, 230), ""),
        ((320, 60), ""),
    ],
    ids=["nose", "cheek", "above", "beside and above", "below", "beside", "far above"],
)
def test_where_the_fingertips_are(place: tuple[float, float], where: str) -> None:
    assert touched(hand_at(*place), FACE) == where


def test_one_fingertip_alone_passes_by() -> None:
    assert touched(hand_at(320, 230, tips=1), FACE) == ""
