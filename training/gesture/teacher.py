"""Google's gesture embedder and classifier as labeller and peer: read in place, never shipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from services.gesture.hands import Hand
from services.runtime.media import Floats
from training.face.teacher import TEACHER, open_model

NAMES = (
    "none", "fist", "open_palm", "pointing", "thumb_down", "thumb_up", "victory", "none",
)  # fmt: skip
"""Its classes in our words; the last, ILoveYou, is none of ours."""


TURNS = 8
SURE, UNSURE = 0.6, 0.45
"""A shape is shown above the first, and none below the second."""


class Teacher:
    """Raises FileNotFoundError where the teacher's models are not there."""

    def __init__(self, folder: Path = TEACHER) -> None:
        self._embedder = open_model(folder / "gesture_embedder.onnx")
        self._classifier = open_model(folder / "gesture_classifier.onnx")

    def name(self, hand: Hand) -> tuple[str, float]:
        """(shape in our words, its probability)."""
        depth = hand.world[:, 2:] * (np.ptp(hand.points) / max(float(np.ptp(hand.world)), 1e-6))
        points = np.concatenate([hand.points[:, :2], depth], axis=1)
        return self.of(points, hand.world, left=not hand.right)

    def turned_name(self, hand: Hand) -> str | None:
        """The shape that the hand shows in whatever turn, thumbs as they stand; None when the
        teacher is not sure. The teacher knows fists and pointing only upright."""
        depth = hand.world[:, 2:] * (np.ptp(hand.points) / max(float(np.ptp(hand.world)), 1e-6))
        points = np.concatenate([hand.points[:, :2], depth], axis=1)
        best, sure = "none", 0.0
        for turn in range(TURNS):
            spin = _about_z(2 * math.pi * turn / TURNS)
            name, probability = self.of(points @ spin, hand.world @ spin, left=not hand.right)
            thumb = name.startswith("thumb") and turn != 0
            if name != "none" and not thumb and probability > sure:
                best, sure = name, probability
        if sure >= SURE:
            return best
        return "none" if sure < UNSURE else None

    def of(self, points: Floats, world: Floats, *, left: bool) -> tuple[str, float]:
        """points: [21, 3] px, z in px too; world: [21, 3] metres."""
        embedding = self._embedder.run(
            None,
            {
                "hand": _canonical(points)[None],
                "handedness": np.array([[float(left)]], np.float32),
                "world_hand": _canonical(world)[None],
            },
        )[0]
        shares = self._classifier.run(None, {"hand_embedding": embedding})[0][0]
        best = int(np.argmax(shares))
        return NAMES[best], float(shares[best])


def _canonical(points: Floats) -> Floats:
    """From the wrist, the longer side of the box 1 (MediaPipe's LandmarksToMatrixCalculator)."""
    moved = points - points[0]
    result: Floats = (moved / max(float(np.ptp(moved[:, :2], axis=0).max()), 1e-6)).astype(
        np.float32
    )
    return result


def _about_z(angle: float) -> Floats:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
