"""Palm detection (Zhang et al. 2020): where hands are, when none is being followed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from services.runtime import models
from services.runtime.vision import Detection, RotatedBox, SsdDetector

SIZE, STEP = 192, 32
"""Longer side of the network's input, and what its layers halve and double again: wide and tall
pictures are not filled up to a square."""
THRESHOLD = 0.55
"""A little over MediaPipe's 0.5: a face in warm light reaches 0.5 now and then."""

SCALE, SHIFT = 2.6, 0.5
"""From palm to hand: side times 2.6, moved by half a palm towards the fingers (MediaPipe)."""

WRIST, MIDDLE = 0, 2
"""Keypoints of a palm: the wrist and the middle finger's root."""


class PalmDetector:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        session = models.session("gesture", "palm_lite")
        self._palms = SsdDetector(session, SIZE, THRESHOLD, step=STEP)

    def detect(self, image: npt.NDArray[np.uint8]) -> list[RotatedBox]:
        """Regions of hands in an RGB picture [h, w, 3], fingers up, best first."""
        return [_region(palm) for palm in self._palms.detect(image)]


def _region(palm: Detection) -> RotatedBox:
    x, y = (palm.box[:2] + palm.box[2:]) / 2
    side = float(max(palm.box[2:] - palm.box[:2]))
    dx, dy = palm.keypoints[MIDDLE] - palm.keypoints[WRIST]
    rotation = math.atan2(dy, dx) + math.pi / 2
    return RotatedBox(
        float(x) + math.sin(rotation) * side * SHIFT,
        float(y) - math.cos(rotation) * side * SHIFT,
        side * SCALE,
        rotation,
    )
