"""The baseline of the gesture head: shapes by which fingers are stretched, in fixed bounds."""

from __future__ import annotations

import numpy as np

from services.gesture.shapes import bends
from services.runtime.media import Floats

STRETCHED_DEG, CURLED_DEG = 50.0, 90.0
"""Sum of the bends at a finger's two middle joints, under or over which it is that."""

THUMB_UP_COS = 0.6
"""The thumb points up when its direction is within some 53 degrees of the picture's up."""

THUMB_REACH = 0.5
"""A thumb's tip nearer to the index finger's root than this share of the palm lies on it."""


def name_of(points: Floats, world: Floats) -> str:
    """One of services.gesture.shapes.SHAPES.

    points: [21, 2] px, for up and down; world: [21, 3].
    """
    bent = bends(world)
    stretched = {name for name, value in bent.items() if value < STRETCHED_DEG}
    curled = {name for name, value in bent.items() if value > CURLED_DEG}
    four = {"index", "middle", "ring", "pinky"}
    if four <= stretched:
        return "open_palm"
    if "index" in stretched and {"middle", "ring", "pinky"} <= curled:
        return "pointing"
    if {"index", "middle"} <= stretched and {"ring", "pinky"} <= curled:
        return "victory"
    if four <= curled:
        return _thumb(points) if "thumb" in stretched else "fist"
    return "none"


def _thumb(points: Floats) -> str:
    direction = points[4] - points[2]
    length = max(float(np.hypot(*direction)), 1e-6)
    palm = max(float(np.hypot(*(points[9] - points[0]))), 1e-6)
    if float(np.hypot(*(points[4] - points[5]))) / palm < THUMB_REACH:
        return "fist"
    up = -float(direction[1]) / length
    return "thumb_up" if up > THUMB_UP_COS else "thumb_down" if up < -THUMB_UP_COS else "fist"
