"""What the face and the gesture service share: SSD decoding, rotated crops, smoothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.runtime.media import Floats

cv2.setNumThreads(1)  # waking a second thread for each crop costs 8% of a process's CPU time

OVERLAP = 0.3
"""Detections that overlap more are one (MediaPipe's weighted non-maximum suppression)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """In pixels of the picture."""

    box: Floats
    """[4] x0, y0, x1, y1."""
    keypoints: Floats
    """[k, 2]"""
    score: float
    """0..1"""


@dataclass(frozen=True, slots=True)
class RotatedBox:
    """A square region of interest, in pixels; rotation clockwise in radians."""

    x: float
    y: float
    size: float
    rotation: float


@cache
def ssd_anchors(height: int, width: int, strides: tuple[int, ...] = (8, 16, 16, 16)) -> Floats:
    """[n, 2] anchor centres in px of the network's input, as MediaPipe's SsdAnchorsCalculator
    with fixed sizes: two per cell and layer, layers of one stride side by side."""
    centres: list[Floats] = []
    index = 0
    while index < len(strides):
        stride = strides[index]
        layers = sum(1 for other in strides[index:] if other == stride)
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        x, y = np.meshgrid(
            (np.arange(columns, dtype=np.float32) + 0.5) / columns * width,
            (np.arange(rows, dtype=np.float32) + 0.5) / rows * height,
        )
        grid = np.stack([x.ravel(), y.ravel()], axis=1)
        centres.append(np.repeat(grid, 2 * layers, axis=0))
        index += layers
    return np.concatenate(centres)


def letterbox(
    image: npt.NDArray[np.uint8], size: int, step: int
) -> tuple[Floats, float, float, float]:
    """([h, w, 3] in 0..1, scale, left, top): the picture whole, on black.

    The longer side becomes `size`; both are filled up to multiples of `step`.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    # Averaged over areas: interpolated, it costs a tenth, and one photo's hand of 21.
    inner = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_AREA)
    boxed_height, boxed_width = (-(-side // step) * step for side in (inner_height, inner_width))
    left, top = (boxed_width - inner_width) // 2, (boxed_height - inner_height) // 2
    boxed = np.zeros((boxed_height, boxed_width, 3), np.float32)
    boxed[top : top + inner_height, left : left + inner_width] = inner / np.float32(255)
    return boxed, scale, float(left), float(top)


def decode_ssd(
    regressors: Floats, logits: Floats, anchors: Floats, threshold: float
) -> list[Detection]:
    """Detections in pixels of the model's input, best first, overlapping ones merged.

    regressors: [n, 4 + 2k] offsets from the anchors; logits: [n]; anchors: [n, 2] px.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    keep = np.flatnonzero(scores >= threshold)
    raw, centres = regressors[keep], anchors[keep]
    middle, sides = raw[:, :2] + centres, raw[:, 2:4]
    boxes = np.concatenate([middle - sides / 2, middle + sides / 2], axis=1)
    points = raw[:, 4:].reshape(len(keep), (raw.shape[1] - 4) // 2, 2) + centres[:, None]
    return _merge(boxes, points, scores[keep])


class SsdDetector:
    """One of MediaPipe's detectors; shared by all sessions of a process.

    Its network takes [1, h, w, 3] in low..1, of which the longer side is `size` and both are
    multiples of `step` (size itself for one that takes squares alone), and gives [1, n, 4 + 2k]
    offsets and [1, n, 1] logits.
    """

    def __init__(
        self,
        session: ort.InferenceSession,
        size: int,
        threshold: float,
        *,
        step: int,
        low: float = 0.0,
    ) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        # The offsets are the longer: not every conversion kept their order.
        wide = sorted(session.get_outputs(), key=lambda output: -output.shape[2])
        self._outputs = [output.name for output in wide]
        self._size, self._threshold, self._low, self._step = size, threshold, low, step

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Detection]:
        """Detections in an RGB picture [h, w, 3], in its pixels, best first."""
        boxed, scale, left, top = letterbox(image, self._size, self._step)
        if self._low:
            boxed = boxed * (1 - self._low) + self._low
        offsets, logits = self._session.run(self._outputs, {self._input: boxed[None]})
        edge = np.array([left, top], np.float32)
        anchors = ssd_anchors(*boxed.shape[:2])
        found = decode_ssd(offsets[0], logits[0, :, 0], anchors, self._threshold)
        return [
            Detection(
                (one.box - np.tile(edge, 2)) / scale, (one.keypoints - edge) / scale, one.score
            )
            for one in found
        ]


FACE_SIZE, FACE_THRESHOLD = 128, 0.5
"""BlazeFace's input, and MediaPipe's own threshold."""


def face_detector(service: str) -> SsdDetector:
    """BlazeFace (Bazarevsky et al. 2019), as listed in the service's manifest. Keypoints: right
    eye, left eye, nose, mouth, right ear, left ear (the person's own right and left)."""
    session = models.session(service, "face_detector")
    return SsdDetector(session, FACE_SIZE, FACE_THRESHOLD, step=FACE_SIZE, low=-1.0)


def width(found: Detection) -> float:
    """px: the wider a face, the nearer."""
    return float(found.box[2] - found.box[0])


def largest(found: Sequence[Detection]) -> Detection:
    """The widest: the nearest face."""
    return max(found, key=width)


def _merge(boxes: Floats, points: Floats, scores: Floats) -> list[Detection]:
    """Weighted non-maximum suppression: a detection is the mean of what it suppresses."""
    left = list(np.argsort(-scores))
    merged: list[Detection] = []
    while left:
        overlaps = _overlap(boxes[left[0]], boxes[left])
        group = [index for index, share in zip(left, overlaps, strict=True) if share > OVERLAP]
        group = group or [left[0]]  # a box without area overlaps with nothing
        weights = scores[group] / scores[group].sum()
        merged.append(
            Detection(
                (boxes[group] * weights[:, None]).sum(0),
                (points[group] * weights[:, None, None]).sum(0),
                float(scores[left[0]]),
            )
        )
        left = [index for index in left if index not in set(group)]
    return merged


def _overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one [4] box with [n, 4]."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(box[2:] - box[:2])
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union: Floats = shared / np.maximum(area + areas - shared, 1e-6)
    return union


def crop(image: npt.NDArray[np.uint8], box: RotatedBox, size: int) -> tuple[Floats, Floats]:
    """([size, size, 3] in 0..1, [2, 3] matrix from crop pixels to picture pixels)."""
    cos, sin = math.cos(box.rotation), math.sin(box.rotation)
    scale = box.size / size
    half = size / 2
    back = np.array(
        [
            [cos * scale, -sin * scale, box.x - (cos - sin) * half * scale],
            [sin * scale, cos * scale, box.y - (sin + cos) * half * scale],
        ],
        np.float32,
    )
    patch = cv2.warpAffine(image, back, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return patch.astype(np.float32) / np.float32(255), back


def to_picture(points: Floats, back: Floats) -> Floats:
    """[n, 2] crop pixels to picture pixels."""
    moved: Floats = points @ back[:, :2].T + back[:, 2]
    return moved


class OneEuro:
    """Smooths what rests and follows what moves (Casiez, Roussel and Vogel, CHI 2012).

    cutoff_hz: at rest; speed: how much of the speed (units per second) is added to it.
    """

    def __init__(self, cutoff_hz: float, speed: float, derivative_hz: float = 1.0) -> None:
        self._cutoff, self._speed, self._derivative = cutoff_hz, speed, derivative_hz
        self._value: Floats | None = None
        self._rate: Floats | None = None
        self._time_s = 0.0

    def __call__(self, value: Floats, time_s: float) -> Floats:
        if self._value is None or self._rate is None or time_s <= self._time_s:
            self._value, self._rate = value, np.zeros_like(value)
            self._time_s = time_s
            return value
        step = time_s - self._time_s
        rate = (value - self._value) / step
        self._rate = self._rate + _gain(self._derivative, step) * (rate - self._rate)
        cutoff = self._cutoff + self._speed * np.abs(self._rate)
        self._value = self._value + _gain(cutoff, step) * (value - self._value)
        self._time_s = time_s
        return self._value


def _gain(cutoff: Floats | float, step: float) -> Floats | float:
    turn = 2 * math.pi * cutoff * step
    return turn / (turn + 1)
