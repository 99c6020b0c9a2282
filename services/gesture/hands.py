"""21 points of each hand, followed from frame to frame with an identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.gesture.palms import PalmDetector
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, crop, to_picture

SIZE = 224
PRESENCE = 0.5
"""Probability under which a region holds no hand."""

NEW_PRESENCE = 0.7
"""A hand that appears needs more than one that is being followed: faces and sleeves reach .6."""

FINDING, FOLLOWING = "hand_lite", "hand_follow"
"""The network that judges whether there is a hand, and the same in 8 bits, at .6 of the time, for
one that is known: its points are 2% of a palm's length apart from the other's."""

UNSURE = 0.3
"""Over this, and under PRESENCE, the one in 8 bits may be wrong (its probability is within .08 of
the other's in 95% of regions): faint hands would be lost. So would those at the picture's edge,
whose points it sometimes lays beyond."""

MAX_HANDS = 2
SAME_HAND = 0.5
"""Regions nearer than this share of their size hold the same hand."""

SEEN_REGION = 0.25
"""Of a palm's region: where the search finds one this near to a followed hand's region, it is
that hand's, and no look is spent on it (95% of them in the clips, and 2 of 31 other hands)."""

SEARCH_US = 350_000
"""How often palms are searched for while fewer than two hands are followed."""

IDLE_SEARCH_US = 600_000
"""And when there was none for IDLE_AFTER_US: palm detection costs more than all the rest."""
IDLE_AFTER_US = 3_000_000

REMEMBER_US = 1_000_000
REMEMBER_REACH = 4.0
"""A hand that was lost for less than the one, within so many palm lengths of where it was, is
the same hand again: gestures are fast and blur it."""

FOLLOW_MARGIN = 2.0
"""Side of the region over the side of the hand's points (MediaPipe)."""

WRIST, INDEX_ROOT, MIDDLE_ROOT, RING_ROOT, PINKY_ROOT = 0, 5, 9, 13, 17
PALM = (WRIST, INDEX_ROOT, MIDDLE_ROOT, RING_ROOT, PINKY_ROOT)


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


STILL_SIZE, STILL_CHANGE, STILL_US = 24, 2.5 / 255, 250_000
"""A hand whose region, at so many px, has changed by less than this on average since it was last
looked at has moved by under .05 palm lengths (95% of such frames of the talking clips): its
points are kept, for so long at most. It saves 10-45% of the looks, and the noise of a resting
hand."""


@dataclass
class _Track:
    number: int
    region: RotatedBox
    hand: Hand | None = None
    """As last looked at ..."""
    looked_us: int = 0
    view: Floats | None = None
    """... and its region as it was then: [STILL_SIZE, STILL_SIZE, 3]"""


@cache
def _network(name: str) -> ort.InferenceSession:
    return models.session("gesture", name)


class HandTracker:
    """Follows up to two hands; searches for palms only when it has fewer."""

    def __init__(self, palms: PalmDetector) -> None:
        for name in (FINDING, FOLLOWING):
            _network(name)  # loaded now, not while the first frame with a hand waits
        self._palms = palms
        self._tracks: list[_Track] = []
        self._lost: list[tuple[int, Hand]] = []
        self._next = 1
        self._searched_us: int | None = None
        self._seen_us: int | None = None

    def track(self, image: npt.NDArray[np.uint8], capture_us: int) -> list[Hand]:
        """The hands in an RGB picture [h, w, 3]."""
        kept: list[_Track] = []
        for track in self._tracks:
            still = self._is_still(image, track, capture_us)
            hand = track.hand if still else self._look_again(image, track)
            if hand and not _is_known(hand, [other.hand for other in kept if other.hand]):
                kept.append(track if still else _tracked(image, hand, capture_us))
        hands = [track.hand for track in kept if track.hand]
        if len(hands) < MAX_HANDS and self._search_is_due(capture_us):
            self._searched_us = capture_us
            found = self._search(image, hands, capture_us)
            kept += [_tracked(image, hand, capture_us) for hand in found]
            hands += found
        if hands:
            self._seen_us = capture_us
        seen = {hand.track for hand in hands}
        self._lost = [
            (lost_us, hand)
            for lost_us, hand in self._lost
            if capture_us - lost_us < REMEMBER_US and hand.track not in seen
        ]
        self._lost += [
            (capture_us, track.hand)
            for track in self._tracks
            if track.hand and track.number not in seen
        ]
        self._tracks = kept
        return hands

    def _is_still(self, image: npt.NDArray[np.uint8], track: _Track, capture_us: int) -> bool:
        if track.view is None or capture_us - track.looked_us >= STILL_US:
            return False
        view, _ = crop(image, track.region, STILL_SIZE)
        return float(np.abs(view - track.view).mean()) < STILL_CHANGE

    def _search(
        self, image: npt.NDArray[np.uint8], known: list[Hand], capture_us: int
    ) -> list[Hand]:
        found: list[Hand] = []
        followed = [next_region(hand) for hand in known]
        for region in self._palms.detect(image):
            if len(known) + len(found) == MAX_HANDS:
                break
            if any(_apart(region, other) < SEEN_REGION * region.size for other in followed):
                continue
            hand = _look(image, region, FINDING)
            if hand and hand.presence >= NEW_PRESENCE and not _is_known(hand, known + found):
                taken = {other.track for other in known + found}
                found.append(replace(hand, track=self._identity(hand, taken, capture_us)))
        return found

    def _identity(self, hand: Hand, taken: set[int], capture_us: int) -> int:
        """The number of the nearest hand that was lost a moment ago, or a new one."""
        near = [
            (float(np.hypot(*(hand.palm - lost.palm))), lost.track)
            for lost_us, lost in [*self._lost, *self._just_lost(capture_us)]
            if lost.track not in taken
            and capture_us - lost_us < REMEMBER_US
            and np.hypot(*(hand.palm - lost.palm)) < REMEMBER_REACH * hand.size
        ]
        if near:
            return min(near)[1]
        self._next += 1
        return self._next - 1

    def _just_lost(self, capture_us: int) -> list[tuple[int, Hand]]:
        return [(capture_us, track.hand) for track in self._tracks if track.hand]

    def _search_is_due(self, capture_us: int) -> bool:
        if self._searched_us is None:
            return True
        idle = self._seen_us is None or capture_us - self._seen_us > IDLE_AFTER_US
        return capture_us - self._searched_us >= (IDLE_SEARCH_US if idle else SEARCH_US)

    def _look_again(self, image: npt.NDArray[np.uint8], track: _Track) -> Hand | None:
        """At a hand that is followed; None when it is gone."""
        hand = _look(image, track.region, FOLLOWING, track.number)
        if hand is None or UNSURE <= hand.presence < PRESENCE:
            hand = _look(image, track.region, FINDING, track.number)
        return hand if hand and hand.presence >= PRESENCE else None


def _look(
    image: npt.NDArray[np.uint8], region: RotatedBox, network: str, number: int = 0
) -> Hand | None:
    """As `fit`; None when the region is too small or the points' middle lies out of the picture."""
    if region.size < 12:
        return None
    hand = fit(image, region, network, number)
    height, width = image.shape[:2]
    middle = hand.points.mean(0)
    return hand if 0 <= middle[0] < width and 0 <= middle[1] < height else None


def fit(image: npt.NDArray[np.uint8], region: RotatedBox, network: str, number: int = 0) -> Hand:
    """What is in a region of an RGB picture [h, w, 3], hand or not, as track `number`."""
    patch, back = crop(image, region, SIZE)
    points, present, handed, world = _network(network).run(None, {"input_1": patch[None]})
    return Hand(
        number,
        to_picture(points.reshape(21, 3)[:, :2], back),
        world.reshape(21, 3),
        float(present[0, 0]),
        bool(handed[0, 0] > 0.5),
    )


def _tracked(image: npt.NDArray[np.uint8], hand: Hand, capture_us: int) -> _Track:
    region = next_region(hand)
    return _Track(hand.track, region, hand, capture_us, crop(image, region, STILL_SIZE)[0])


def next_region(hand: Hand) -> RotatedBox:
    """Where the hand will be looked for in the next frame."""
    roots = hand.points[[INDEX_ROOT, MIDDLE_ROOT, RING_ROOT]].mean(0)
    dx, dy = roots - hand.points[WRIST]
    rotation = math.atan2(dy, dx) + math.pi / 2
    cos, sin = math.cos(-rotation), math.sin(-rotation)
    turned = hand.points @ np.array([[cos, sin], [-sin, cos]])
    low, high = turned.min(0), turned.max(0)
    x, y = (low + high) / 2 @ np.array([[cos, -sin], [sin, cos]])
    return RotatedBox(float(x), float(y), float(max(high - low)) * FOLLOW_MARGIN, rotation)


def _apart(one: RotatedBox, other: RotatedBox) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _is_known(hand: Hand, others: list[Hand]) -> bool:
    reach = 2 * SAME_HAND * hand.size
    return any(np.hypot(*(hand.palm - other.palm)) < reach for other in others)
