"""What the face service and MediaPipe's landmarker see in each video, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import FaceEvent, FaceState

from services.face.analyzer import MESH_CUTOFF_HZ, MESH_SPEED, FaceAnalyzer
from services.face.mesh import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, Face, FaceTracker
from services.runtime.analyzer import Observation
from services.runtime.media import MICROSECONDS, Floats, Frame
from services.runtime.vision import OneEuro, SsdDetector, face_detector
from training.data import Entry
from training.face.dataset import frames, person, videos
from training.face.teacher import Teacher

PERIOD_US = 66_667
"""Fifteen frames a second, as the gateway publishes."""

EARLY_US = 8_000
"""A frame this early still counts as the next one: 25 and 30 fps are no multiples of 15."""

SAME_FACE = 0.5
"""Of the face's width: further apart the two look at different faces."""

Span = tuple[int, int]


@dataclass
class Seen:
    """One video; times in microseconds."""

    entry: Entry
    frames: int = 0
    with_face: int = 0
    theirs_with_face: int = 0
    ours: list[Floats] = field(default_factory=list)
    """[478, 3] px, raw, of frames where both see the same face"""
    smooth: list[Floats] = field(default_factory=list)
    theirs: list[Floats] = field(default_factory=list)
    """[478, 3] px, MediaPipe's, of the same frames"""
    times: list[int] = field(default_factory=list)
    """of the same frames"""
    labels: list[Floats] = field(default_factory=list)
    """[52] the teacher's coefficients"""
    blinks: list[tuple[int, float]] = field(default_factory=list)
    """(time, the teacher's eyeBlink) of every frame of the video"""
    events: list[tuple[FaceEvent.Type.ValueType, Span]] = field(default_factory=list)
    states: list[FaceState] = field(default_factory=list)

    @property
    def person(self) -> str:
        return person(self.entry.path.stem)

    def errors(self, points: list[Floats]) -> Floats:
        """[n] mean distance of our points to MediaPipe's over the eye distance."""
        ours, theirs = np.array(points)[:, :, :2], np.array(self.theirs)[:, :, :2]
        eyes = np.linalg.norm(theirs[:, LEFT_EYE_OUTER] - theirs[:, RIGHT_EYE_OUTER], axis=1)
        result: Floats = np.linalg.norm(ours - theirs, axis=2).mean(1) / eyes
        return result


def read(data: Path, teacher: Teacher) -> Iterator[Seen]:
    detector = face_detector("face")
    for entry in videos(data):
        yield _watch(entry, detector, teacher)


class _Watched(FaceTracker):
    """The service's own tracker, which keeps what it saw last."""

    last: Face | None = None

    def track(self, image: npt.NDArray[np.uint8], capture_us: int) -> Face | None:
        self.last = super().track(image, capture_us)
        return self.last


def _watch(entry: Entry, detector: SsdDetector, teacher: Teacher) -> Seen:
    seen = Seen(entry)
    tracker = _Watched(detector)
    analyzer = FaceAnalyzer(tracker)
    smooth = OneEuro(MESH_CUTOFF_HZ, MESH_SPEED)
    landmarks: Floats | None = None
    due_us = 0
    for number, (image, time_us) in enumerate(frames(entry.path)):
        landmarks = teacher.track(image, detector, landmarks)
        shapes = None if landmarks is None else teacher.blendshapes(landmarks)
        if shapes is not None:
            seen.blinks.append((time_us, float(shapes[9] + shapes[10]) / 2))
        if time_us < due_us - EARLY_US:
            continue
        due_us = max(due_us + PERIOD_US, time_us)
        _note(seen, analyzer.analyze(Frame(image, time_us, number)))
        face = tracker.last
        seen.frames += 1
        seen.with_face += face is not None
        seen.theirs_with_face += landmarks is not None
        if face is None or landmarks is None or shapes is None:
            continue
        steady = smooth(face.points, time_us / MICROSECONDS)
        if _apart(face.points, landmarks) < SAME_FACE:
            seen.ours.append(face.points)
            seen.smooth.append(steady)
            seen.theirs.append(landmarks)
            seen.times.append(time_us)
            seen.labels.append(shapes)
    _note(seen, analyzer.finish())
    return seen


def _note(seen: Seen, observations: Iterable[Observation]) -> None:
    for observation in observations:
        if isinstance(observation.body, FaceEvent):
            span = (observation.start_us, observation.end_us)
            seen.events.append((observation.body.type, span))
        elif isinstance(observation.body, FaceState):
            seen.states.append(observation.body)


def _apart(ours: Floats, theirs: Floats) -> float:
    width = float(np.ptp(theirs[:, 0]))
    return float(np.hypot(*(ours[:, :2].mean(0) - theirs[:, :2].mean(0)))) / max(width, 1e-6)
