"""Expression: 52 ARKit-style blendshape coefficients from the mesh, by our own small network."""

from __future__ import annotations

import numpy as np

from services.face.mesh import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from services.runtime import models
from services.runtime.media import Floats

# The mesh points that the network reads, in its order (shared with its training).
# fmt: off
INPUT_POINTS = [
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66,
    67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144,
    145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173,
    176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284,
    285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332,
    334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477]
BLENDSHAPES = [
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft",
    "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft",
    "noseSneerRight"]
# fmt: on
INDEX = {name: index for index, name in enumerate(BLENDSHAPES)}


def normalize(points: Floats) -> Floats:
    """[478, 2 or 3] px -> [146, 2]: centred, eye line level, eye distance 1."""
    flat = points[:, :2]
    right, left = flat[RIGHT_EYE_OUTER], flat[LEFT_EYE_OUTER]
    across = left - right
    distance = max(float(np.hypot(*across)), 1e-6)
    cos, sin = across / distance
    turn = np.array([[cos, -sin], [sin, cos]], np.float32)
    chosen = flat[INPUT_POINTS]
    level: Floats = ((chosen - (left + right) / 2) @ turn / distance).astype(np.float32)
    return level


class ExpressionHead:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("face", "expression")

    def __call__(self, points: Floats) -> Floats:
        """[478, 3] px -> [52] coefficients in 0..1, in the order of BLENDSHAPES."""
        [[coefficients]] = self._session.run(None, {"points": normalize(points)[None]})
        result: Floats = coefficients
        return result


def pair(coefficients: Floats, name: str) -> float:
    """The mean of a coefficient's left and right side."""
    return float(coefficients[INDEX[f"{name}Left"]] + coefficients[INDEX[f"{name}Right"]]) / 2
