"""Finding and following hands in real recordings."""

from pathlib import Path

import numpy as np
import pytest

from services.gesture.hands import (
    FINDING,
    FOLLOWING,
    REMEMBER_US,
    SEARCH_US,
    SIZE,
    STILL_US,
    Hand,
    HandTracker,
    next_region,
)
from services.gesture.palms import PalmDetector
from services.gesture.shapes import openness
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, crop
from training.face.dataset import frames

PALM_VIDEO = "video_gesture/mediapipe_open_palm_turn.mp4"


class CountingPalms(PalmDetector):
    """The real detector, which says how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def detect(self, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[RotatedBox]:
        self.asked += 1
        return super().detect(image)


def follow(tracker: HandTracker, path: Path, every: int, last: int) -> list[list[Hand]]:
    found = []
    for number, (image, time_us) in enumerate(frames(path, every)):
        if number == last:
            break
        found.append(tracker.track(image, time_us))
    return found


def test_one_hand_keeps_its_identity(shared_data: Path) -> None:
    found = follow(HandTracker(PalmDetector()), shared_data / PALM_VIDEO, every=3, last=40)
    tracks = {hand.track for hands in found for hand in hands}
    assert tracks == {1}
    assert sum(len(hands) == 1 for hands in found) >= 36
    assert all(hand.points.shape == (21, 2) for hands in found for hand in hands)


def test_in_8_bits_a_hand_is_where_and_as_it_was(shared_data: Path) -> None:
    tracker, apart, opener = HandTracker(PalmDetector()), [], []
    for image, time_us in frames(shared_data / PALM_VIDEO, 8):
        for hand in tracker.track(image, time_us):
            patch, _ = crop(image, next_region(hand), SIZE)
            exact, rounded = (
                models.session("gesture", name).run(None, {"input_1": patch[None]})
                for name in (FINDING, FOLLOWING)
            )
            points = exact[0].reshape(21, 3)[:, :2]
            off = np.hypot(*(rounded[0].reshape(21, 3)[:, :2] - points).T).mean()
            apart.append(off / np.hypot(*(points[9] - points[0])))
            opener.append(openness(rounded[3].reshape(21, 3)) - openness(exact[3].reshape(21, 3)))
    assert len(apart) >= 10
    assert np.mean(apart) < 0.04, "palm lengths"
    assert abs(np.mean(opener)) < 0.03


def test_palms_are_searched_for_only_while_a_hand_is_missing(shared_data: Path) -> None:
    path = shared_data / "video_talking/latentsync_demo3_gestures_en.mp4"
    palms = CountingPalms()
    found = follow(HandTracker(palms), path, every=2, last=60)
    alone = sum(len(hands) < 2 for hands in found)
    assert sum(len(hands) == 2 for hands in found) > 30
    assert palms.asked <= alone + 3
    assert palms.asked <= 1 + (60 * 66_667) / SEARCH_US


def test_a_hand_that_is_gone_for_a_moment_comes_back_as_itself(shared_data: Path) -> None:
    tracker = HandTracker(PalmDetector())
    [image, *_] = [image for image, _ in frames(shared_data / PALM_VIDEO, 20)]
    blank = np.zeros_like(image)
    away_us, back_us = STILL_US, STILL_US + 2 * SEARCH_US
    [before] = tracker.track(image, 0)
    assert tracker.track(blank, away_us) == []
    [back] = tracker.track(image, back_us)
    assert back.track == before.track
    assert tracker.track(blank, back_us + STILL_US) == []
    [other] = tracker.track(image, back_us + STILL_US + REMEMBER_US + SEARCH_US)
    assert other.track != before.track


def test_a_still_hand_is_not_looked_at_again_at_once(shared_data: Path) -> None:
    tracker = HandTracker(PalmDetector())
    image, _ = next(frames(shared_data / PALM_VIDEO))
    [first] = tracker.track(image, 0)
    [kept] = tracker.track(image, 66_667)
    assert kept is first
    [looked] = tracker.track(image, STILL_US + 1)
    assert looked is not first
    moved: Floats = np.abs(looked.points - first.points)
    assert moved.max() < 0.2 * first.size


@pytest.mark.parametrize("shade", [0, 127, 255])
def test_no_hand_in_an_empty_picture(shade: int) -> None:
    assert HandTracker(PalmDetector()).track(np.full((360, 640, 3), shade, np.uint8), 0) == []
