"""Hand points with labels: the landmark table, hands of the videos, labelled photos."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from services.gesture.hands import Hand, HandTracker
from services.gesture.palms import PalmDetector
from services.gesture.shapes import SHAPES
from services.runtime.media import Floats
from training.data import Entry, manifest
from training.face.dataset import LONGEST_SIDE, frames, videos

EVERY = 3
"""Of the frames: neighbours are nearly the same."""

TABLE = "gesture_landmarks/keypoint.csv"
TABLE_SHAPES = {"Open": "open_palm", "Close": "fist", "Pointer": "pointing"}
"""The table's names in our words; the others (OK) are none."""

TRAINED_TABLE = "3dfd75c5e82ad341"
"""First digits of the SHA-256 of the table that was trained on."""

GROUPS, HELD_OUT_EVERY = 40, 5
"""Of each class: the rows are one person's, one frame like the next and shuffled, so that a
random split would test on what was trained on. Whole groups of like rows are held out."""

PHOTO_SHAPES = {
    "fist": "fist", "closed_fist": "fist", "grabbing": "fist", "palm": "open_palm",
    "open_palm": "open_palm", "open palm": "open_palm", "stop": "open_palm", "paper": "open_palm",
    "stop_inverted": "open_palm", "one": "pointing", "point": "pointing",
    "pointing": "pointing", "pointing_up": "pointing", "like": "thumb_up",
    "thumb_up": "thumb_up", "thumbs_up": "thumb_up", "dislike": "thumb_down",
    "thumb_down": "thumb_down", "thumbs_down": "thumb_down", "peace": "victory",
    "peace_inverted": "victory", "two_up": "victory", "two_up_inverted": "victory",
    "victory": "victory", "scissors": "victory",
    "no_gesture": "none", "call": "none", "four": "none", "three": "none",
    "three2": "none", "ok": "none", "rock": "none", "mute": "none", "iloveyou": "none",
}  # fmt: skip
"""HaGRID's and MediaPipe's names in our words. Not MediaPipe's folder "none": that is what the
other folders beside it do not show, and may well be a thumb or a pointing finger."""

SEEN_PHOTOS = {
    "0a038096-c14f-46ac-9155-980161ebc440": "thumb_down",
    "0a0ef3d2-2560-4a93-904d-437189fffbf2": "pointing",
    "0a4a8907-1950-4e43-9a03-1740e78224ef": "thumb_down",
    "0a4bc2da-f5b3-48cd-8f0d-c61dbd08ba53": "pointing",
    "0a71a6e8-bb06-4ed0-a60b-c2a602fce261": "pointing",
}
"""The photos of that folder, labelled by eye for this project."""

TRAINED_CLIPS = (
    "asl_again", "asl_bird", "asl_book", "asl_brother", "asl_help", "asl_no", "asl_please",
    "asl_school", "asl_sorry", "asl_thanks", "asl_walk", "asl_yes", "latentsync_demo1_outdoor",
    "latentsync_demo3_gestures_en", "mediapipe_open_palm_turn", "pyfeat_pexels_woman_cry_to_smile",
)  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Hands of one source, in its order."""

    points: Floats
    """[n, 21, 2]"""
    labels: npt.NDArray[np.int64]
    """[n] places in SHAPES."""


def table(data: Path) -> tuple[Labelled, Labelled] | None:
    """(trained, held out) rows of the landmark table; None where it is missing.

    Of a table that was never trained on, all rows are held out.
    """
    file, names_file = data / TABLE, data / "gesture_landmarks/keypoint_labels.csv"
    if not file.is_file() or not names_file.is_file():
        return None
    names = names_file.read_text(encoding="utf-8-sig").split()
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [line for line in csv.reader(lines) if len(line) == 1 + 2 * 21]
    points = np.array([row[1:] for row in rows], np.float32).reshape(-1, 21, 2)
    classes = np.array([int(row[0]) for row in rows])
    shapes = [SHAPES.index(TABLE_SHAPES.get(name, "none")) for name in names]
    labels = np.array([shapes[number] for number in classes])
    known = hashlib.sha256(file.read_bytes()).hexdigest().startswith(TRAINED_TABLE)
    held = np.ones(len(labels), bool)
    if known:
        for number in set(classes):
            places = np.flatnonzero(classes == number)
            held[places] = _groups(points[places]) % HELD_OUT_EVERY == 0
    return Labelled(points[~held], labels[~held]), Labelled(points[held], labels[held])


def _groups(points: Floats) -> npt.NDArray[np.int64]:
    """[n] the group of like hands that each of [n, 21, 2] is in."""
    flat = points.reshape(len(points), -1)
    count = min(GROUPS, len(flat))
    groups: npt.NDArray[np.int64] = KMeans(count, random_state=0, n_init=1).fit_predict(flat)
    return groups


def clip_hands(data: Path) -> Iterator[tuple[str, list[Hand]]]:
    """(clip's name, its hands) of each video."""
    palms = PalmDetector()
    for entry in videos(data):
        tracker = HandTracker(palms)
        hands = [
            hand
            for image, time_us in frames(entry.path, EVERY)
            for hand in tracker.track(image, time_us)
        ]
        if hands:
            yield entry.path.stem, hands


def photos(data: Path) -> Iterator[tuple[Entry, str, list[Hand]]]:
    """(entry, shape, hands found) of each photo whose label is a gesture's name."""
    palms = PalmDetector()
    for entry in manifest(data, "images_gesture"):
        name = entry.label.strip().lower().removeprefix("gesture=").replace("-", "_")
        picture = cv2.imread(str(entry.path))
        shape = SEEN_PHOTOS.get(entry.path.stem) or PHOTO_SHAPES.get(name)
        if shape is None or picture is None:
            continue
        yield (
            entry,
            shape,
            HandTracker(palms).track(shrink(np.asarray(picture, np.uint8)[:, :, ::-1]), 0),
        )


def shrink(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """To the size at which the gateway publishes."""
    scale = LONGEST_SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(  # type: ignore[assignment]
            np.ascontiguousarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
    return np.ascontiguousarray(image)
