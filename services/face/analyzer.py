"""Frames in, what the face does out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from greenroom.v1.signals_pb2 import FaceEvent, FaceState

from services.face.episodes import Episode, Hysteresis, TurnCounter
from services.face.expression import ExpressionHead, pair
from services.face.eyes import BlinkDetector, EyeContact, Gaze, gaze, openness
from services.face.mesh import Face, FaceTracker
from services.face.pose import Pose, head_pose
from services.runtime.analyzer import GAP_US, STATE_WINDOW_US, Observation
from services.runtime.media import MICROSECONDS, Frame
from services.runtime.vision import OneEuro, SsdDetector, face_detector

MESH_CUTOFF_HZ, MESH_SPEED = 3.0, 0.15
"""One Euro: at rest the mesh trembles by some 0.3 px; a blink (40 px/s) passes undelayed."""

POSE_CUTOFF_HZ, POSE_SPEED = 1.5, 0.03
"""The mesh's depth makes the angles of a resting head tremble by some 2 degrees a frame."""

SMILE_ON, SMILE_OFF = 0.45, 0.3
FROWN_ON, FROWN_OFF = 0.4, 0.25
EXPRESSION_MIN_US = 500_000
"""Longer than a brief movement: what is seen as a smile or a frown."""

LOOK_AWAY_MIN_US = 800_000
"""A glance aside while thinking is shorter."""

BRIEF_MIN_US, BRIEF_MAX_US = 40_000, 500_000
"""Micro and brief expressions (Yan et al. 2013)."""

BRIEF_RISE = 0.25
"""Above the running mean of the coefficient; half of that ends it."""

BRIEF_MEAN_S = 2.0
BRIEF_SHAPES = ("mouthPress", "browDown", "noseSneer", "mouthStretch", "browOuterUp")

TOO_SMALL, TOO_DARK, CUT_OFF = 0.12, 0.18, 0.02
"""Face width over the picture's; mean of R, G and B, 0..1; distance to the edge over the picture's
side."""

FRAMING_AFTER_US = 2 * MICROSECONDS
LOST_AFTER_US = 500_000
"""A face that is away for one or two frames was not lost."""


@cache
def _detector() -> SsdDetector:
    return face_detector("face")


@cache
def _head() -> ExpressionHead:
    return ExpressionHead()


class _Window:
    """What one FaceState sums up."""

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.end_us = start_us
        self.frames = 0
        self.with_face = 0
        self.faces = 0
        self.values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def observation(self) -> Observation:
        means = {name: sum(values) / len(values) for name, values in self.values.items()}
        confidence = means.pop("confidence", 1.0)
        state = FaceState(
            frames=self.frames, frames_with_face=self.with_face, faces=self.faces, **means
        )
        return Observation(state, self.start_us, self.end_us, confidence)


class FaceAnalyzer:
    """One session's face; see the proto's FaceState and FaceEvent for what it says."""

    def __init__(self, tracker: FaceTracker | None = None) -> None:
        self._tracker = tracker or FaceTracker(_detector())
        self._head = _head()
        self._smooth = OneEuro(MESH_CUTOFF_HZ, MESH_SPEED)
        self._smooth_pose = OneEuro(POSE_CUTOFF_HZ, POSE_SPEED)
        self._window: _Window | None = None
        self._blinks = BlinkDetector()
        self._contact = EyeContact()
        self._nods, self._shakes = TurnCounter(), TurnCounter()
        self._smile = Hysteresis(SMILE_ON, SMILE_OFF, EXPRESSION_MIN_US)
        self._frown = Hysteresis(FROWN_ON, FROWN_OFF, EXPRESSION_MIN_US)
        self._away = Hysteresis(0.5, 0.5, LOOK_AWAY_MIN_US)
        self._away_direction = ""
        self._brief = {
            name: Hysteresis(BRIEF_RISE, BRIEF_RISE / 2, BRIEF_MIN_US, BRIEF_MAX_US)
            for name in BRIEF_SHAPES
        }
        self._means: dict[str, float] = {}
        self._several = Hysteresis(0.5, 0.5, MICROSECONDS)
        self._framing: dict[str, Hysteresis] = {
            name: Hysteresis(0.5, 0.5, FRAMING_AFTER_US)
            for name in ("too_small", "too_dark", "cut_off")
        }
        self._lost_since_us: int | None = None
        self._calibrated = False
        self._last_us: int | None = None

    def analyze(self, item: Frame) -> Iterable[Observation]:
        """See Analyzer.analyze."""
        time_us, image = item.capture_us, item.image  # undecodable: counted in no window
        if self._last_us is not None and time_us - self._last_us > GAP_US:
            yield from self._break_off(self._last_us)
        yield from self._roll_window(time_us)
        assert self._window is not None
        face = self._tracker.track(image, time_us)
        self._window.frames += 1
        self._window.end_us = time_us
        if face is None:
            yield from self._absent(time_us)
        else:
            yield from self._present(face, item)
        self._last_us = time_us

    def finish(self) -> Iterable[Observation]:
        """See Analyzer.finish."""
        if self._last_us is not None:
            yield from self._break_off(self._last_us)

    # --- frames

    def _break_off(self, last_us: int) -> Iterator[Observation]:
        """After the frame at last_us nothing was seen for long, or nothing will be."""
        self._blinks.reset()
        yield from self._close_episodes()
        yield from self._lost_until(last_us)
        if self._window is not None and self._window.frames:
            yield self._window.observation()
        self._window = None

    def _roll_window(self, time_us: int) -> Iterator[Observation]:
        if self._window is not None and time_us - self._window.start_us >= STATE_WINDOW_US:
            yield self._window.observation()
            self._window = None
        if self._window is None:
            self._window = _Window(time_us)

    def _absent(self, time_us: int) -> Iterator[Observation]:
        if self._lost_since_us is None:
            self._lost_since_us = time_us
            self._blinks.reset()
            yield from self._close_episodes()

    def _lost_until(self, time_us: int) -> Iterator[Observation]:
        lost, self._lost_since_us = self._lost_since_us, None
        if lost is not None and time_us - lost >= LOST_AFTER_US:
            yield _event(FaceEvent.FACE_LOST, Episode(lost, time_us, 1.0), 1.0)

    def _present(self, face: Face, item: Frame) -> Iterator[Observation]:
        assert self._window is not None
        time_us, window = item.capture_us, self._window
        yield from self._lost_until(time_us)
        points = self._smooth(face.points, time_us / MICROSECONDS)
        pose = self._steady(head_pose(points), time_us)
        direction = gaze(points, pose)
        shapes = self._head(points)
        window.with_face += 1
        window.faces = max(window.faces, 1 + face.others)
        window.add("confidence", face.probability)
        yield from self._expression(shapes, face.probability, time_us)
        yield from self._eyes(openness(face.points), direction, pose, face.probability, time_us)
        yield from self._surroundings(face, item)

    def _steady(self, pose: Pose, time_us: int) -> Pose:
        angles = self._smooth_pose(
            np.array([pose.yaw, pose.pitch, pose.roll]), time_us / MICROSECONDS
        )
        return Pose(*(float(angle) for angle in angles))

    def _expression(
        self, shapes: np.ndarray[tuple[int, ...], np.dtype[np.floating]], sure: float, time_us: int
    ) -> Iterator[Observation]:
        assert self._window is not None
        smile = pair(shapes, "mouthSmile")
        lower = pair(shapes, "browDown")
        frown = lower * (1 - smile)  # brows alone: the head does not follow mouthFrown
        values = {
            "smile": smile,
            "frown": frown,
            "brow_lower": lower,
            "brow_raise": pair(shapes, "browOuterUp"),
            "mouth_open": float(shapes[25]),
        }
        for name, value in values.items():
            self._window.add(name, value)
        if episode := self._smile.add(smile, time_us):
            yield _event(FaceEvent.SMILE, episode, sure)
        if episode := self._frown.add(frown, time_us):
            yield _event(FaceEvent.FROWN, episode, sure)
        step = min(1.0, (time_us - (self._last_us or time_us)) / MICROSECONDS / BRIEF_MEAN_S)
        for name, detector in self._brief.items():
            value = pair(shapes, name)
            mean = self._means.get(name, value)
            self._means[name] = mean + step * (value - mean)
            if episode := detector.add(value - mean, time_us):
                yield _event(FaceEvent.BRIEF_MOVEMENT, episode, sure, name)

    def _eyes(
        self, ratio: float, direction: Gaze, pose: Pose, sure: float, time_us: int
    ) -> Iterator[Observation]:
        assert self._window is not None
        for name, value in (
            ("eye_openness", ratio),
            ("yaw_deg", pose.yaw),
            ("pitch_deg", pose.pitch),
            ("roll_deg", pose.roll),
            ("gaze_x_deg", direction.x),
            ("gaze_y_deg", direction.y),
        ):
            self._window.add(name, value)
        if blink := self._blinks.add(ratio, time_us):
            start, end, depth = blink
            yield _event(FaceEvent.BLINK, Episode(start, end, depth), sure)
        contact = self._contact.add(direction, time_us)
        if contact is not None:
            self._window.add("eye_contact", float(contact))
            yield from self._looking_away(direction, contact, sure, time_us)
            if not self._calibrated:
                self._calibrated = True
                yield _event(FaceEvent.CALIBRATED, Episode(time_us, time_us, 1.0), sure)
        if episode := self._nods.add(pose.pitch, time_us):
            yield _event(FaceEvent.NOD, episode, sure)
        if episode := self._shakes.add(pose.yaw, time_us):
            yield _event(FaceEvent.SHAKE, episode, sure)

    def _looking_away(
        self, direction: Gaze, contact: bool, sure: float, time_us: int
    ) -> Iterator[Observation]:
        centre = self._contact.centre
        assert centre is not None
        if not contact:
            x, y = direction.x - centre.x, direction.y - centre.y
            sideways = "left" if x > 0 else "right"
            self._away_direction = sideways if abs(x) > abs(y) else "up" if y > 0 else "down"
        if episode := self._away.add(0.0 if contact else 1.0, time_us):
            yield _event(FaceEvent.LOOK_AWAY, episode, sure, self._away_direction)

    def _surroundings(self, face: Face, item: Frame) -> Iterator[Observation]:
        assert self._window is not None
        height, width = item.image.shape[:2]
        left, top, right, bottom = face.box
        share = (right - left) / width
        x0, x1 = int(min(max(left, 0), width - 1)), int(min(max(right, 1), width))
        y0, y1 = int(min(max(top, 0), height - 1)), int(min(max(bottom, 1), height))
        inside = item.image[y0 : max(y1, y0 + 1) : 4, x0 : max(x1, x0 + 1) : 4]
        brightness = float(inside.mean()) / 255
        for name, value in (
            ("face_width", share),
            ("centre_x", (left + right) / 2 / width),
            ("centre_y", (top + bottom) / 2 / height),
            ("brightness", brightness),
        ):
            self._window.add(name, value)
        margin = min(left / width, top / height, 1 - right / width, 1 - bottom / height)
        found = {
            "too_small": share < TOO_SMALL,
            "too_dark": brightness < TOO_DARK,
            "cut_off": margin < -CUT_OFF,
        }
        for name, wrong in found.items():
            if episode := self._framing[name].add(float(wrong), item.capture_us):
                yield _event(FaceEvent.FRAMING, episode, face.probability, name)
        if episode := self._several.add(float(face.others > 0), item.capture_us):
            yield _event(FaceEvent.SEVERAL_FACES, episode, face.probability)

    def _close_episodes(self) -> Iterator[Observation]:
        for kind, detector, detail in (
            (FaceEvent.SMILE, self._smile, ""),
            (FaceEvent.FROWN, self._frown, ""),
            (FaceEvent.LOOK_AWAY, self._away, self._away_direction),
            (FaceEvent.SEVERAL_FACES, self._several, ""),
            *((FaceEvent.FRAMING, detector, name) for name, detector in self._framing.items()),
        ):
            if episode := detector.close():
                yield _event(kind, episode, 1.0, detail)


def _event(
    kind: FaceEvent.Type.ValueType, episode: Episode, confidence: float, detail: str = ""
) -> Observation:
    intensity = min(1.0, max(0.0, episode.peak))
    event = FaceEvent(type=kind, intensity=intensity, detail=detail)
    return Observation(event, episode.start_us, episode.end_us, confidence)
