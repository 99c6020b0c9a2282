"""21 points of each hand, followed from frame to frame with an identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.gesture.palms import PalmDetector
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, crop, to_picture

SIZE = 224
PRESENCE = 0.5
"""Probability under which a region holds no hand."""

NEW_PRESENCE = 0.7
"""A hand that appears needs more than one that is being followed: faces and sleeves reach .6."""

MAX_HANDS = 2
SAME_HAND = 0.5
"""Regions nearer than this share of their size hold the same hand."""

SEARCH_US = 350_000
"""How often palms are searched for while fewer than two hands are followed."""

IDLE_SEARCH_US = 600_000
"""And when there was none for IDLE_AFTER_US: palm detection costs more than all the rest."""
IDLE_AFTER_US = 3_000_000

FOLLOW_MARGIN = 2.0
"""Side of the region over the side of the hand's points (MediaPipe)."""

WRIST, INDEX_ROOT, MIDDLE_ROOT, RING_ROOT, PINKY_ROOT = 0, 5, 9, 13, 17
PALM = (WRIST, 5, 9, 13, 17)


@dataclass(frozen=True, slots=True)
class Hand:
    track: int
    points: Floats
    """[21, 2] px"""
    world: Floats
    """[21, 3] metres, about the hand's middle."""
    presence: float
    right: bool
    """The person's own right hand."""

    @property
    def palm(self) -> Floats:
        """[2] px, the middle of wrist and finger roots."""
        middle: Floats = self.points[list(PALM)].mean(0)
        return middle

    @property
    def size(self) -> float:
        """px from the wrist to the middle finger's root: steadier than the palm's width,
        which shrinks when the hand turns."""
        return float(np.hypot(*(self.points[MIDDLE_ROOT] - self.points[WRIST])))


@dataclass
class _Track:
    number: int
    region: RotatedBox


class HandTracker:
    """Follows up to two hands; searches for palms only when it has fewer."""

    def __init__(self, palms: PalmDetector) -> None:
        self._palms = palms
        self._session = models.session("gesture", "hand_lite")
        self._tracks: list[_Track] = []
        self._next = 1
        self._searched_us: int | None = None
        self._seen_us: int | None = None

    def track(self, image: npt.NDArray[np.uint8], capture_us: int) -> list[Hand]:
        """The hands in an RGB picture [h, w, 3]."""
        hands: list[Hand] = []
        for track in self._tracks:
            hand = self._fit(image, track, PRESENCE)
            if hand and not _is_known(hand, hands):
                hands.append(hand)
        if len(hands) < MAX_HANDS and self._search_is_due(capture_us):
            self._searched_us = capture_us
            hands += self._search(image, hands)
        if hands:
            self._seen_us = capture_us
        self._tracks = [_Track(hand.track, _follow(hand)) for hand in hands]
        return hands

    def _search(self, image: npt.NDArray[np.uint8], known: list[Hand]) -> list[Hand]:
        found: list[Hand] = []
        for region in self._palms.detect(image):
            if len(known) + len(found) == MAX_HANDS:
                break
            hand = self._fit(image, _Track(self._next, region), NEW_PRESENCE)
            if hand and not _is_known(hand, known + found):
                found.append(hand)
                self._next += 1
        return found

    def _search_is_due(self, capture_us: int) -> bool:
        if self._searched_us is None:
            return True
        idle = self._seen_us is None or capture_us - self._seen_us > IDLE_AFTER_US
        return capture_us - self._searched_us >= (IDLE_SEARCH_US if idle else SEARCH_US)

    def _fit(self, image: npt.NDArray[np.uint8], track: _Track, presence: float) -> Hand | None:
        if track.region.size < 12:
            return None
        patch, back = crop(image, track.region, SIZE)
        points, present, handed, world = self._session.run(None, {"input_1": patch[None]})
        probability = float(present[0, 0])
        if probability < presence:
            return None
        flat = points.reshape(21, 3)[:, :2]
        picture = to_picture(flat, back)
        height, width = image.shape[:2]
        middle = picture.mean(0)
        if not (0 <= middle[0] < width and 0 <= middle[1] < height):
            return None
        return Hand(
            track.number, picture, world.reshape(21, 3), probability, bool(handed[0, 0] > 0.5)
        )


def _follow(hand: Hand) -> RotatedBox:
    """Where the hand will be looked for in the next frame."""
    roots = hand.points[[INDEX_ROOT, MIDDLE_ROOT, RING_ROOT]].mean(0)
    dx, dy = roots - hand.points[WRIST]
    rotation = math.atan2(dy, dx) + math.pi / 2
    cos, sin = math.cos(-rotation), math.sin(-rotation)
    turned = hand.points @ np.array([[cos, sin], [-sin, cos]])
    low, high = turned.min(0), turned.max(0)
    x, y = (low + high) / 2 @ np.array([[cos, -sin], [sin, cos]])
    return RotatedBox(float(x), float(y), float(max(high - low)) * FOLLOW_MARGIN, rotation)


def _is_known(hand: Hand, others: list[Hand]) -> bool:
    reach = 2 * SAME_HAND * hand.size
    return any(np.hypot(*(hand.palm - other.palm)) < reach for other in others)
