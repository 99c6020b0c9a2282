"""How the head is held, from the mesh's own depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.runtime.media import Floats

ACROSS = ((33, 263), (133, 362), (61, 291), (234, 454), (127, 356))
"""Pairs of mesh points, the person's right then left: their mean direction is the head's
horizontal axis, whatever one feature does."""

DOWN = ((10, 152), (168, 2), (9, 200))
"""Likewise from forehead to chin, down the face's middle."""

NEUTRAL_PITCH_DEG = -4.0
"""The plane through forehead and chin leans by this when a head looks straight ahead: the
median over the talking clips, whose people look at the camera."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees, the person's own view."""

    yaw: float
    """> 0: turned to their left."""
    pitch: float
    """> 0: up."""
    roll: float
    """> 0: tilted to their right shoulder."""


def head_pose(points: Floats) -> Pose:
    """Of [478, 3] px points (x right, y down, z away from the camera)."""
    across = _direction(points, ACROSS)
    down = _direction(points, DOWN)
    down = down - across * float(down @ across)  # square to the horizontal axis
    down /= max(float(np.linalg.norm(down)), 1e-6)
    yaw = -np.degrees(np.arcsin(np.clip(across[2], -1, 1)))
    pitch = np.degrees(np.arcsin(np.clip(down[2], -1, 1)))
    roll = -np.degrees(np.arctan2(across[1], across[0]))
    return Pose(float(-yaw), float(pitch) - NEUTRAL_PITCH_DEG, float(roll))


def _direction(points: Floats, pairs: tuple[tuple[int, int], ...]) -> Floats:
    ends = np.array(pairs)
    vector = (points[ends[:, 1]] - points[ends[:, 0]]).sum(0)
    unit: Floats = vector / max(float(np.linalg.norm(vector)), 1e-6)
    return unit
