"""What a hand shows, by our own small network; how open it is, by how its fingers bend."""

from __future__ import annotations

import numpy as np

from services.runtime import models
from services.runtime.media import Floats

SHAPES = ("none", "fist", "open_palm", "pointing", "thumb_up", "thumb_down", "victory")
"""What the network tells apart, in the order of its output."""

SURE = 0.6
"""Probability under which a shape is none: a hand that talks passes through every shape, and
one wrongly named is worse than one missed. Set on the training's own held-out rows."""

FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "pinky": (17, 18, 19, 20),
}
"""The four joints of each finger, root to tip (MediaPipe's hand points)."""

CURLED_DEG = 90.0
"""Half of the bend at which a finger is wholly closed."""


def normalize(points: Floats) -> Floats:
    """[21, 2] px -> [21, 2] from the wrist, the farthest coordinate 1."""
    moved = (points[:, :2] - points[0, :2]).astype(np.float32)
    result: Floats = moved / max(float(np.abs(moved).max()), 1e-6)
    return result


class ShapeHead:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("gesture", "gesture")

    def __call__(self, points: Floats) -> tuple[str, float]:
        """[21, 2] px, upright -> (shape, probability)."""
        return decide(self.probabilities(points))

    def probabilities(self, points: Floats) -> Floats:
        """[21, 2] px, upright -> [7] in the order of SHAPES."""
        [[shares]] = self._session.run(None, {"points": normalize(points)[None]})
        result: Floats = shares
        return result


def decide(probabilities: Floats) -> tuple[str, float]:
    """The shape of [7] probabilities, none unless sure, and how probable it is."""
    best = int(np.argmax(probabilities))
    if best and probabilities[best] >= SURE:
        return SHAPES[best], float(probabilities[best])
    return SHAPES[0], float(1 - probabilities[1:].max())


def bends(world: Floats) -> dict[str, float]:
    """Degrees by which each finger is bent, summed over its joints; [21, 3] world points."""
    return dict(zip(FINGERS, _bends(world).tolist(), strict=True))


def _bends(world: Floats) -> Floats:
    """[5] degrees, in the order of FINGERS."""
    bones = np.diff(world[list(FINGERS.values())], axis=1)
    bones = bones / np.maximum(np.linalg.norm(bones, axis=2, keepdims=True), 1e-9)
    cosines = (bones[:, 1:] * bones[:, :-1]).sum(2)
    bent: Floats = np.degrees(np.arccos(np.clip(cosines, -1, 1))).sum(1)
    return bent


def openness(world: Floats) -> float:
    """0 a fist .. 1 an open palm: how far the four fingers are stretched."""
    return float(np.clip(1 - _bends(world)[1:] / (2 * CURLED_DEG), 0, 1).mean())
