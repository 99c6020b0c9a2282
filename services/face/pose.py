"""How the head is held, from the mesh's own depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.runtime.media import Floats

Vector = tuple[float, float, float]

ACROSS = np.array([(33, 263), (133, 362), (61, 291), (234, 454), (127, 356)])
"""Pairs of mesh points, the person's right then left: their mean direction is the head's
horizontal axis, whatever one feature does."""

DOWN = np.array([(10, 152), (168, 2), (9, 200)])
"""Likewise from forehead to chin, down the face's middle."""

NEUTRAL_PITCH_DEG = 4.0
"""The line from forehead to chin leans back by this when a head looks straight ahead: the
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
    x, y, z = _direction(points, ACROSS)
    down = _direction(points, DOWN)
    lean = x * down[0] + y * down[1] + z * down[2]
    down = _unit(down[0] - x * lean, down[1] - y * lean, down[2] - z * lean)  # square to it
    yaw = math.degrees(math.asin(max(-1.0, min(1.0, z))))
    pitch = -math.degrees(math.asin(max(-1.0, min(1.0, down[2]))))  # up: the chin comes nearer
    roll = -math.degrees(math.atan2(y, x))
    return Pose(yaw, pitch - NEUTRAL_PITCH_DEG, roll)


def _direction(points: Floats, pairs: npt.NDArray[np.int_]) -> Vector:
    x, y, z = (points[pairs[:, 1]] - points[pairs[:, 0]]).sum(0).tolist()
    return _unit(x, y, z)


def _unit(x: float, y: float, z: float) -> Vector:
    length = max(math.sqrt(x * x + y * y + z * z), 1e-6)
    return x / length, y / length, z / length
