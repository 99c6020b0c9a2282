"""Eyes: how open they are, blinks, where they look, and contact with the camera."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.face.mesh import LEFT_IRIS, RIGHT_IRIS
from services.face.pose import Pose
from services.runtime.media import MICROSECONDS, Floats

LIDS = {
    "right": (((159, 145), (158, 153), (160, 144)), (33, 133)),
    "left": (((386, 374), (385, 380), (387, 373)), (362, 263)),
}
"""Upper and lower lid points, and the eye's corners in picture order."""

UPPER, LOWER = np.array([lids for lids, _ in LIDS.values()]).transpose(2, 0, 1)
"""[2, 3] each: the right eye's, the left eye's."""
STARTS, ENDS = np.array([corners for _, corners in LIDS.values()]).T
IRISES = np.array([RIGHT_IRIS, LEFT_IRIS])

EYE_WIDTH_OVER_RADIUS = 2.5
"""Lid fissure 30 mm over eyeball radius 12 mm: the iris's offset as a rotation."""

BLINK_MIN_US, BLINK_MAX_US = 60_000, 500_000
"""A blink lasts 100-400 ms (Schiffman 2001); the sampling adds up to a frame at each end."""

BLINK_DEPTH = 0.55
"""The eye is shut when it is open less than this share of the person's own open eye."""

OPEN_QUANTILE = 0.6
"""Of the recent openness: a little over the median, which neither blinks nor raised brows move.
Depth and quantile were set on the blinks that MediaPipe sees in the talking clips; F1 is within
.03 of its best for depths of .5 to .65."""

OPEN_MEMORY = 150
"""Frames (ten seconds) over which the own open eye is estimated."""

MIN_OPEN_FRAMES = 8
"""Half a second."""

CALIBRATION_US = 10 * MICROSECONDS
CALIBRATION_MIN_FRAMES = 45
"""Three seconds at 15 fps: earlier the median is not to be trusted."""

CONTACT_X_DEG, CONTACT_Y_DEG = 9.0, 9.0
"""Around the calibrated direction: interlocutors take a gaze within some 9 degrees as eye
contact (Gamer and Hecht 2007, the cone of direct gaze)."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """Degrees, head and eyes together; x > 0 to the person's left, y > 0 up."""

    x: float
    y: float


def openness(points: Floats) -> float:
    """Mean lid distance over eye width (eye aspect ratio, Soukupova and Cech 2016)."""
    flat = points[:, :2]
    heights = _lengths(flat[UPPER] - flat[LOWER]).mean(1)
    widths = np.maximum(_lengths(flat[ENDS] - flat[STARTS]), 1e-6)
    return float((heights / widths).mean())


def gaze(points: Floats, pose: Pose) -> Gaze:
    """Where head and eyes point. The eyes' part from the irises' place between the corners."""
    flat = points[:, :2]
    starts, ends = flat[STARTS], flat[ENDS]
    width = np.maximum(_lengths(ends - starts), 1e-6)[:, None]
    along = (ends - starts) / width
    offsets = (flat[IRISES] - (starts + ends) / 2) / width
    across = (offsets * along).sum(1)
    up = offsets[:, 0] * along[:, 1] - offsets[:, 1] * along[:, 0]
    return Gaze(pose.yaw + _turn(across), pose.pitch + _turn(up))


def _lengths(vectors: Floats) -> Floats:
    """[..., 2] to [...]"""
    lengths: Floats = np.hypot(vectors[..., 0], vectors[..., 1])
    return lengths


def _turn(offsets: Floats) -> float:
    """Degrees by which the eyes are turned, of the irises' offsets over the eye width."""
    sine = EYE_WIDTH_OVER_RADIUS * float(offsets.mean())
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


class BlinkDetector:
    """Blinks as events, by a threshold that adapts to the person's own eyes."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=OPEN_MEMORY)
        self._shut_since_us: int | None = None
        self._deepest = 1.0

    def add(self, ratio: float, time_us: int) -> tuple[int, int, float] | None:
        """(start, end, depth 0..1) of a blink that ends with this frame."""
        self._recent.append(ratio)
        if len(self._recent) < MIN_OPEN_FRAMES:
            return None
        own = _quantile(self._recent, OPEN_QUANTILE)
        relative = ratio / max(own, 1e-6)
        if relative < BLINK_DEPTH:
            if self._shut_since_us is None:
                self._shut_since_us, self._deepest = time_us, relative
            self._deepest = min(self._deepest, relative)
            return None
        start, self._shut_since_us = self._shut_since_us, None
        if start is None or not BLINK_MIN_US <= time_us - start <= BLINK_MAX_US:
            return None
        return start, time_us, 1 - self._deepest

    def reset(self) -> None:
        """The face was lost: an eye that was shut may have opened meanwhile."""
        self._shut_since_us = None


def _quantile(values: Iterable[float], share: float) -> float:
    """As numpy's: between the two nearest. For so few values sorting is ten times faster."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


class EyeContact:
    """Learns in up to 10 s where this person looks when they look at the camera."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._since_us: int | None = None
        self.centre: Gaze | None = None

    def add(self, direction: Gaze, time_us: int) -> bool | None:
        """Whether there is eye contact; None until calibrated."""
        if self.centre is None:
            self._calibrate(direction, time_us)
        if self.centre is None:
            return None
        return (
            abs(direction.x - self.centre.x) <= CONTACT_X_DEG
            and abs(direction.y - self.centre.y) <= CONTACT_Y_DEG
        )

    def _calibrate(self, direction: Gaze, time_us: int) -> None:
        self._since_us = time_us if self._since_us is None else self._since_us
        self._samples.append((direction.x, direction.y))
        samples = np.array(self._samples)
        enough = len(samples) >= CALIBRATION_MIN_FRAMES
        middle = np.median(samples, axis=0)
        # The mode, not the mean: who looks away now and then still has one camera.
        steady = np.abs(samples - middle).max(1) <= min(CONTACT_X_DEG, CONTACT_Y_DEG)
        over = time_us - self._since_us >= CALIBRATION_US
        if enough and (steady.mean() >= 0.8 or over):
            x, y = np.median(samples[steady], axis=0) if steady.any() else middle
            self.centre = Gaze(float(x), float(y))
