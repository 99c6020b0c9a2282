"""Self-touch: a hand at the face or the hair."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from services.gesture.hands import Hand
from services.runtime.vision import Detection, SsdDetector, face_detector, largest

FACE_SURE = 0.65
"""Open hands and shirts reach .55 as a face; real ones seldom fall under .7."""

SEARCH_US = 500_000
"""The head moves slowly; a hand before it hides it from the detector, so that the last place
is kept for KEEP_US."""
KEEP_US = 4_000_000

FAR_SEARCH_US = 2_000_000
"""While no hand is near it, its place decides nothing."""
NEAR = 1.5
"""Face widths, about an arm's way of half a second. Who leans further than that and touches the
face there is seen up to FAR_SEARCH_US late."""

FACE_REACH = 0.55
"""Fingertips within this share of the face's width of its middle touch the face."""

HAIR_TOP = 0.55
"""Above the middle by this share of the face's height begins the hair."""

TIPS = [4, 8, 12, 16, 20]


@cache
def _detector() -> SsdDetector:
    return face_detector("gesture")


class FacePlace:
    """Where the face is, by the gesture service's own slow detector."""

    def __init__(self) -> None:
        self._detector = _detector()
        self._searched_us: int | None = None
        self._found: tuple[int, Detection] | None = None

    def look(
        self, image: npt.NDArray[np.uint8], capture_us: int, hands: list[Hand]
    ) -> Detection | None:
        """The largest face of an RGB picture, as last seen; the hands in it say how newly."""
        wait_us = SEARCH_US if self._concerns(hands) else FAR_SEARCH_US
        if self._searched_us is None or capture_us - self._searched_us >= wait_us:
            self._searched_us = capture_us
            found = [face for face in self._detector.detect(image) if face.score >= FACE_SURE]
            if found:
                self._found = (capture_us, largest(found))
        if self._found and capture_us - self._found[0] <= KEEP_US:
            return self._found[1]
        return None

    def _concerns(self, hands: list[Hand]) -> bool:
        if self._found is None:
            return bool(hands)
        left, top, right, bottom = self._found[1].box
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        reach = NEAR * (right - left)
        return any((np.abs(hand.points[TIPS] - middle).max(1) < reach).any() for hand in hands)


def touched(hand: Hand, face: Detection) -> str:
    """face, hair or nothing: where this hand's fingertips are."""
    middle = (face.box[:2] + face.box[2:]) / 2
    width, height = face.box[2:] - face.box[:2]
    tips = hand.points[TIPS]
    across = np.abs(tips[:, 0] - middle[0]) / width
    above = (middle[1] - tips[:, 1]) / height
    at_face = (across < FACE_REACH) & (np.abs(above) < FACE_REACH)
    at_hair = (across < FACE_REACH + 0.2) & (above >= HAIR_TOP) & (above < 2 * HAIR_TOP)
    if at_face.sum() >= 2:
        return "face"
    return "hair" if at_hair.sum() >= 2 else ""
