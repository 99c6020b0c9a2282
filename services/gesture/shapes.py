"""What a hand shows, by which fingers are stretched."""

from __future__ import annotations

import numpy as np

from services.runtime.media import Floats

FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "pinky": (17, 18, 19, 20),
}
"""The four joints of each finger, root to tip (MediaPipe's hand points)."""

STRETCHED_DEG = 50.0
"""Sum of the bends at a finger's two middle joints under which it is stretched."""

CURLED_DEG = 90.0
THUMB_UP_COS = 0.6
"""The thumb points up when its direction is within some 53 degrees of the picture's up."""


def bends(world: Floats) -> dict[str, float]:
    """Degrees by which each finger is bent, summed over its joints; [21, 3] world points."""
    result = {}
    for name, joints in FINGERS.items():
        chain = world[[0, *joints]] if name != "thumb" else world[list(joints)]
        bones = np.diff(chain, axis=0)
        bones = bones / np.maximum(np.linalg.norm(bones, axis=1, keepdims=True), 1e-9)
        cosines = (bones[1:] * bones[:-1]).sum(1)
        angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        result[name] = float(angles.sum() if name == "thumb" else angles[1:].sum())
    return result


def openness(world: Floats) -> float:
    """0 a fist .. 1 an open palm: how far the four fingers are stretched."""
    bent = bends(world)
    four = np.array([bent[name] for name in ("index", "middle", "ring", "pinky")])
    return float(np.clip(1 - four / (2 * CURLED_DEG), 0, 1).mean())


def name_of(points: Floats, world: Floats) -> str:
    """none, fist, open_palm, pointing, thumb_up, thumb_down or victory.

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
    reach = float(np.hypot(*(points[4] - points[5]))) / max(
        float(np.hypot(*(points[9] - points[0]))), 1e-6
    )
    if reach < 0.5:
        return "fist"  # the thumb lies on the fingers
    up = -float(direction[1]) / length
    return "thumb_up" if up > THUMB_UP_COS else "thumb_down" if up < -THUMB_UP_COS else "fist"
