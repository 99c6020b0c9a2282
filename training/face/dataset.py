"""Pairs of our landmarks and the teacher's blendshapes, from the videos of a data folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from services.face.expression import INPUT_POINTS, normalize
from services.face.mesh import FaceTracker
from services.runtime.media import Floats
from services.runtime.vision import SsdDetector, face_detector
from training.data import Entry, manifest
from training.face.teacher import Teacher, region

VIDEO_FOLDERS = (
    "video_talking",
    "video_expression",
    "video_gesture",
    "video_grid",
    "video_headpose",
)
LONGEST_SIDE = 640
"""As the gateway publishes."""

EVERY = 2
"""Of the frames: neighbours are nearly the same."""

MICROSECONDS = 1_000_000


SAME_PEOPLE = ("asl_", "intel_head_pose")
"""Beginnings of names of clips that show the same few people: one group of every split."""

TRAINED_CLIPS = (
    "asl_again", "asl_bird", "asl_book", "asl_brother", "asl_help", "asl_hungry", "asl_no",
    "asl_please", "asl_school", "asl_sorry", "asl_thanks", "asl_walk", "asl_want", "asl_yes",
    "grid_brbk7n", "grid_lbax4n", "grid_lbbc2a", "grid_lrwp9a", "grid_lwbsza", "grid_pwij3p",
    "grid_sbia1a", "grid_swiz3n", "intel_head_pose_female", "intel_head_pose_female-and-male",
    "latentsync_demo1_outdoor", "latentsync_demo2_standing", "latentsync_demo3_gestures_en",
    "liveportrait_d0", "liveportrait_d13", "liveportrait_d19", "pyfeat_face_noface",
    "pyfeat_pexels_woman_cry_to_smile", "retalking_face2", "retalking_face3",
    "sadtalker_wda_katiehill",
)  # fmt: skip
"""What the shipped expression head has seen."""


def person(name: str) -> str:
    """Whom a clip shows, by its file's name."""
    return next((group for group in SAME_PEOPLE if name.startswith(group)), name)


@dataclass(frozen=True)
class Clip:
    """One clip's frames with a face."""

    name: str
    tier: str
    ours: Floats
    """[n, 478, 2 or 3] px"""
    theirs: Floats
    """[n, 478, 3] px, the teacher's"""
    labels: Floats
    """[n, 52] the teacher's blendshapes of its own landmarks"""


def videos(data: Path) -> list[Entry]:
    """Talking, expression, gesture and head pose videos; one person each where the manifest
    does not say otherwise."""
    return [entry for folder in VIDEO_FOLDERS for entry in manifest(data, folder)]


def frames(path: Path, every: int = 1) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """(RGB [h, w, 3] of at most LONGEST_SIDE, upright; time in microseconds)."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every:
                continue
            scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
            small = frame.reformat(
                round(frame.width * scale / 2) * 2, round(frame.height * scale / 2) * 2, "rgb24"
            )
            image = np.rot90(small.to_ndarray(), round(frame.rotation / 90) % 4)
            yield np.ascontiguousarray(image), round((frame.time or 0.0) * MICROSECONDS)


def clips(data: Path, teacher: Teacher) -> list[Clip]:
    """All clips in which our tracker finds a face in at least ten frames."""
    detector = face_detector("face")
    made = [_clip(entry, detector, teacher) for entry in videos(data)]
    return [clip for clip in made if len(clip.ours) >= 10]


def _clip(entry: Entry, detector: SsdDetector, teacher: Teacher) -> Clip:
    tracker = FaceTracker(detector)
    ours: list[Floats] = []
    theirs: list[Floats] = []
    labels: list[Floats] = []
    for image, time_us in frames(entry.path, EVERY):
        face = tracker.track(image, time_us)
        if face is None:
            continue
        points = face.points[:, :2]
        landmarks = teacher.landmarks(image, region(points))
        ours.append(points)
        theirs.append(landmarks)
        labels.append(teacher.blendshapes(landmarks))
    return Clip(entry.path.stem, entry.tier, np.array(ours), np.array(theirs), np.array(labels))


def mixtures(
    clips_: list[Clip], teacher: Teacher, count: int, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """(points [count, 478, 2], labels [count, 52]): faces drawn from the principal
    components of all real ones, labelled by the teacher."""
    points = np.concatenate([clip.ours for clip in clips_])
    flat = np.array([normalize(face) for face in points]).reshape(len(points), -1)
    mean = flat.mean(0)
    _, spread, axes = np.linalg.svd(flat - mean, full_matrices=False)
    kept = min(40, len(spread))
    sigma = spread[:kept] / np.sqrt(len(flat))
    drawn = mean + (random.normal(0, 1.2, (count, kept)) * sigma) @ axes[:kept]
    full = np.zeros((count, 478, 2), np.float32)
    full[:, INPUT_POINTS] = drawn.reshape(count, -1, 2) * 100 + 200  # px, as the teacher expects
    return full, np.array([teacher.blendshapes(face) for face in full])
