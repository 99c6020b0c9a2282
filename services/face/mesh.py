"""478 points of a face, tracked from frame to frame (Grishchenko et al. 2020, attention mesh)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import Detection, RotatedBox, SsdDetector, crop, largest, to_picture

SIZE = 192
MARGIN = 1.5
"""Side of the crop over side of the face, as in training (MediaPipe)."""

FACE_FLAG = 0.5
"""Probability under which the crop holds no face."""

DETECT_EVERY_US = 1_000_000
"""While tracking, how often the whole picture is searched for further faces."""

SURE_OF_OTHERS = 0.6
"""A second face is told to the candidate: clasped hands and shirts reach .55 now and then."""

SAME_FACE = 0.6
"""Of the face's size: detections this near the tracked face are that face."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Mesh points at the outer corners of the person's right and left eye."""

# Which mesh points the refined outputs replace (MediaPipe's face landmarks with attention).
# fmt: off
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
        76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
        62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407]
RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25,
             110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230,
             231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143,
             111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359,
            255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261,
            448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276,
            283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296,
            336, 285, 417]
# fmt: on
RIGHT_IRIS, LEFT_IRIS = 468, 473
"""First of the five points of each iris: its centre."""

POINTS = 478


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture."""

    points: Floats
    """[478, 3] px; z in px too, smaller is nearer. The irises have their eye corners' z."""
    probability: float
    others: int
    """Further faces in the picture, at the last search."""


@cache
def _mesh() -> ort.InferenceSession:
    return models.session("face", "face_mesh_attention")


class FaceTracker:
    """Finds the candidate's face and follows it; searches only when it lost it."""

    def __init__(self, detector: SsdDetector) -> None:
        self._detector = detector
        self._box: RotatedBox | None = None
        self._searched_us: int | None = None
        self._others = 0

    def track(self, image: npt.NDArray[np.uint8], capture_us: int) -> Face | None:
        """The candidate's face in an RGB picture [h, w, 3]: the largest when there are several."""
        if self._box is not None and (face := self._fit(image, self._box)):
            self._follow(face)
            if self._search_is_due(capture_us):
                self._count_others(image, face, capture_us)
            return Face(face.points, face.probability, self._others)
        found = self._detector.detect(image)
        self._searched_us = capture_us
        self._box = None
        if not found:
            return None
        face = self._fit(image, box_of(largest(found)))
        if face is None:
            return None
        self._others = sum(other.score >= SURE_OF_OTHERS for other in found) - 1
        self._others = max(self._others, 0)
        self._follow(face)
        return Face(face.points, face.probability, self._others)

    def _search_is_due(self, capture_us: int) -> bool:
        return self._searched_us is None or capture_us - self._searched_us >= DETECT_EVERY_US

    def _count_others(self, image: npt.NDArray[np.uint8], face: Face, capture_us: int) -> None:
        self._searched_us = capture_us
        middle = face.points[:, :2].mean(0)
        size = np.ptp(face.points[:, 0])
        self._others = sum(
            1
            for found in self._detector.detect(image)
            if found.score >= SURE_OF_OTHERS
            and np.hypot(*(found.keypoints.mean(0) - middle)) > SAME_FACE * size
        )

    def _follow(self, face: Face) -> None:
        """Where to look in the next frame."""
        low, high = face.points[:, :2].min(0), face.points[:, :2].max(0)
        x, y = (low + high) / 2
        side = float(max(high - low)) * MARGIN
        right, left = face.points[RIGHT_EYE_OUTER, :2], face.points[LEFT_EYE_OUTER, :2]
        self._box = RotatedBox(float(x), float(y), side, _angle(right, left))

    def _fit(self, image: npt.NDArray[np.uint8], box: RotatedBox) -> Face | None:
        if box.size < 8:
            return None
        patch, back = crop(image, box, SIZE)
        names = [output.name for output in _mesh().get_outputs()]
        raw = dict(zip(names, _mesh().run(None, {"input_1": patch[None]}), strict=True))
        flag = float(1 / (1 + np.exp(-raw["conv_faceflag"].ravel()[0])))
        if flag < FACE_FLAG:
            return None
        points = np.zeros((POINTS, 3), np.float32)
        points[:468] = raw["output_mesh_identity"].reshape(468, 3)
        points[LIPS, :2] = raw["output_lips"].reshape(-1, 2)
        for name, eye, iris, corners in (
            ("output_left_eye:0", RIGHT_EYE, RIGHT_IRIS, (33, 133)),
            ("output_right_eye:0", LEFT_EYE, LEFT_IRIS, (263, 362)),
        ):
            points[eye, :2] = raw[name].reshape(-1, 2)
            points[iris : iris + 5, :2] = raw[name.replace("eye", "iris")].reshape(5, 2)
            points[iris : iris + 5, 2] = points[list(corners), 2].mean()
        points[:, :2] = to_picture(points[:, :2], back)
        points[:, 2] *= box.size / SIZE
        return Face(points, flag, 0)


def box_of(found: Detection) -> RotatedBox:
    x, y = (found.box[:2] + found.box[2:]) / 2
    side = float(max(found.box[2:] - found.box[:2])) * MARGIN
    return RotatedBox(float(x), float(y), side, _angle(found.keypoints[0], found.keypoints[1]))


def _angle(right_eye: Floats, left_eye: Floats) -> float:
    """Of the eye line in the picture; 0 for an upright head."""
    dx, dy = left_eye - right_eye
    return math.atan2(dy, dx)
