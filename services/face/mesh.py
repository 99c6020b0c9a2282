"""478 points of a face, tracked from frame to frame (Grishchenko et al. 2020, attention mesh)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import Detection, RotatedBox, SsdDetector, crop, to_picture, width

SIZE = 192
MARGIN = 1.5
"""Side of the crop over side of the face, as in training (MediaPipe)."""

FACE_FLAG = 0.5
"""Probability under which the crop holds no face."""

DETECT_EVERY_US = 1_000_000
"""While tracking, how often the whole picture is searched for further faces."""

SURE_OF_OTHERS = 0.6
"""A second face is told to the candidate: clasped hands and shirts reach .55 now and then."""

NEARER = 1.3
"""How much wider than the face that is followed another must be to be taken for the candidate, who
came back while somebody behind them was followed. As far as a face's own width varies."""

SAME_FACE = 0.6
"""Of the face's size: detections this near the tracked face are that face."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Mesh points at the outer corners of the person's right and left eye."""

RIGHT_IRIS, LEFT_IRIS = 468, 473
"""First of the five points of each iris: its centre."""

POINTS = 478


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture."""

    points: Floats
    """[478, 3] px; z in px too, smaller is nearer. The irises have their eye corners' z."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom of the points, px."""
    probability: float
    others: int = 0
    """Further faces in the picture, at the last search."""


@cache
def _mesh() -> ort.InferenceSession:
    return models.session("face", "face_mesh_attention")


class FaceTracker:
    """Finds the candidate's face and follows it; searches only when it lost it.

    Every frame is looked at anew, unlike a resting hand: a change of the crop so small that no eye
    can have begun to shut is met in 0.3% of the frames of the talking clips, in 6% of all.
    """

    def __init__(self, detector: SsdDetector) -> None:
        self._detector = detector
        self._mesh = _mesh()
        self._box: RotatedBox | None = None
        self._searched_us: int | None = None
        self._others = 0

    def track(self, image: npt.NDArray[np.uint8], capture_us: int) -> Face | None:
        """The candidate's face in an RGB picture [h, w, 3]: the largest when there are several."""
        if self._box is not None and (face := self._fit(image, self._box)):
            self._follow(face)
            if self._search_is_due(capture_us) and self._look_around(image, face, capture_us):
                self._box = None
                return None  # lost: what the other one did is not what the candidate does
            return replace(face, others=self._others)
        found = self._detector.detect(image)
        self._searched_us = capture_us
        self._box = None
        nearest_first = sorted(found, key=width, reverse=True)
        fitted = (self._fit(image, box_of(each)) for each in nearest_first)
        face = next((face for face in fitted if face is not None), None)
        if face is None:
            return None
        self._others = sum(other.score >= SURE_OF_OTHERS for other in found) - 1
        self._others = max(self._others, 0)
        self._follow(face)
        return replace(face, others=self._others)

    def _search_is_due(self, capture_us: int) -> bool:
        return self._searched_us is None or capture_us - self._searched_us >= DETECT_EVERY_US

    def _look_around(self, image: npt.NDArray[np.uint8], face: Face, capture_us: int) -> bool:
        """Counts further faces. Whether one of them is the candidate's, to go by its size."""
        self._searched_us = capture_us
        middle = face.points[:, :2].mean(0)
        size = float(np.ptp(face.points[:, 0]))
        others = [
            found
            for found in self._detector.detect(image)
            if found.score >= SURE_OF_OTHERS
            and np.hypot(*(found.keypoints.mean(0) - middle)) > SAME_FACE * size
        ]
        self._others = len(others)
        return any(
            width(other) > NEARER * size and self._fit(image, box_of(other)) is not None
            for other in others
        )

    def _follow(self, face: Face) -> None:
        """Where to look in the next frame."""
        left, top, right, bottom = face.box
        side = max(right - left, bottom - top) * MARGIN
        turn = _angle(face.points[RIGHT_EYE_OUTER, :2], face.points[LEFT_EYE_OUTER, :2])
        self._box = RotatedBox((left + right) / 2, (top + bottom) / 2, side, turn)

    def _fit(self, image: npt.NDArray[np.uint8], box: RotatedBox) -> Face | None:
        if box.size < 8:
            return None
        patch, back = crop(image, box, SIZE)
        points, [flag] = self._mesh.run(None, {"input_1": patch[None]})
        if flag < FACE_FLAG:
            return None
        points[:, :2] = to_picture(points[:, :2], back)
        points[:, 2] *= box.size / SIZE
        columns = np.ascontiguousarray(points[:, :2].T)  # else the extremes take five times longer
        (left, top), (right, bottom) = columns.min(1).tolist(), columns.max(1).tolist()
        return Face(points, (left, top, right, bottom), float(flag))


def box_of(found: Detection) -> RotatedBox:
    x, y = (found.box[:2] + found.box[2:]) / 2
    side = float(max(found.box[2:] - found.box[:2])) * MARGIN
    return RotatedBox(float(x), float(y), side, _angle(found.keypoints[0], found.keypoints[1]))


def _angle(right_eye: Floats, left_eye: Floats) -> float:
    """Of the eye line in the picture; 0 for an upright head."""
    dx, dy = left_eye - right_eye
    return math.atan2(dy, dx)
