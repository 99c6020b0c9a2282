"""Landmarks, head pose and presence of the face in the videos, against MediaPipe's landmarker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from services.face.mesh import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from services.face.pose import head_pose
from services.runtime.media import Floats
from training.face.corpus import Seen
from training.results import Comparison, Row, bootstrap, skipped

AREA = "face"
LANDMARK_TARGET = 0.03
DIM = 0.3
"""Mean brightness of the face, 0..1, under which a video is dim."""

SMALL = 0.12
"""Of the picture's width: the framing hint's own bound."""

ALWAYS, NEVER = ("video_talking", "video_grid"), "no face"
"""Folders whose every frame shows a face, and the manifest's word for videos without one."""


def rows(seen: Sequence[Seen]) -> list[Row]:
    compared = [video for video in seen if video.ours]
    return [*_landmarks(compared), *_pose(compared), *_presence(seen)]


def mean_by_person(
    videos: Sequence[Seen], values: Callable[[Seen], Floats]
) -> tuple[float, float, float, int]:
    """(mean over people, 95% interval, people) of a value of each frame."""
    people: dict[str, list[Floats]] = {}
    for video in videos:
        people.setdefault(video.person, []).append(values(video))
    means = [np.array([np.concatenate(found).mean()]) for found in people.values()]
    low, high = bootstrap(means, lambda sample: float(sample.mean()))
    return float(np.mean(means)), low, high, len(means)


def _landmarks(videos: Sequence[Seen]) -> list[Row]:
    metric = "landmarks, mean distance to MediaPipe's over the eye distance"
    if not videos:
        return [skipped(AREA, metric, "no video with a face")]
    shape = np.mean([_upright(points) for video in videos for points in video.theirs], axis=0)

    def ours(video: Seen) -> Floats:
        return video.errors(video.ours)

    def placed(video: Seen) -> Floats:
        return video.errors([_place(shape, points) for points in video.ours])

    baseline = Comparison(name="mean face on our eyes", value=mean_by_person(videos, placed)[0])
    found = []
    for name, part in _slices(videos):
        if part:
            value, low, high, people = mean_by_person(part, ours)
            found.append(
                Row(
                    area=AREA, metric=metric, slice=name, value=value, low=low, high=high,
                    n=people, target=LANDMARK_TARGET, better="lower",
                    baseline=baseline if name == "all" else None,
                    note="478 points, mean over people; MediaPipe follows by itself",
                )
            )  # fmt: skip
        else:
            none = skipped(AREA, metric, f"no video with {name}")
            found.append(none.model_copy(update={"slice": name}))
    value, low, high, people = mean_by_person(videos, lambda video: video.errors(video.smooth))
    found.append(
        Row(
            area=AREA, metric="smoothed landmarks, mean distance likewise", value=value, low=low,
            high=high, n=people, target=LANDMARK_TARGET, better="lower",
            note="against MediaPipe's points of the same frame, so that delay counts",
        )
    )  # fmt: skip
    return found


def _slices(videos: Sequence[Seen]) -> list[tuple[str, list[Seen]]]:
    def brightness(video: Seen) -> float:
        return float(np.mean([s.brightness for s in video.states if s.frames_with_face]))

    def width(video: Seen) -> float:
        return float(np.mean([s.face_width for s in video.states if s.frames_with_face]))

    return [
        ("all", list(videos)),
        ("glasses", [v for v in videos if "glasses" in v.entry.shows]),
        ("dim light", [v for v in videos if brightness(v) < DIM]),
        ("a small face", [v for v in videos if width(v) < SMALL]),
        ("signing, hands before the face", [v for v in videos if "sign" in v.entry.shows]),
    ]


def _upright(points: Floats) -> Floats:
    """[478, 2]: eye line level, eye distance 1, from the middle of the eyes."""
    turn, distance, middle = _eyes(points)
    result: Floats = (points[:, :2] - middle) @ turn / distance
    return result


def _place(shape: Floats, points: Floats) -> Floats:
    """A face laid on the eyes of another."""
    turn, distance, middle = _eyes(points)
    result: Floats = shape * distance @ turn.T + middle
    return result


def _eyes(points: Floats) -> tuple[Floats, float, Floats]:
    right, left = points[RIGHT_EYE_OUTER, :2], points[LEFT_EYE_OUTER, :2]
    distance = max(float(np.hypot(*(left - right))), 1e-6)
    cos, sin = (left - right) / distance
    return np.array([[cos, -sin], [sin, cos]]), distance, (left + right) / 2


def _pose(videos: Sequence[Seen]) -> list[Row]:
    metric = "head pose, mean absolute difference to that of MediaPipe's points"
    if not videos:
        return [skipped(AREA, metric, "no video with a face")]
    found = []
    for name in ("yaw", "pitch", "roll"):

        def differences(video: Seen, name: str = name) -> Floats:
            return np.array(
                [
                    abs(getattr(head_pose(a), name) - getattr(head_pose(b), name))
                    for a, b in zip(video.smooth, video.theirs, strict=True)
                ]
            )

        def spread(video: Seen, name: str = name) -> Floats:
            angles = np.array([getattr(head_pose(b), name) for b in video.theirs])
            return np.abs(angles)

        value, low, high, people = mean_by_person(videos, differences)
        found.append(
            Row(
                area=AREA, metric=metric, slice=name, value=value, low=low, high=high, n=people,
                unit="degrees", better="lower",
                baseline=Comparison(
                    name="always straight ahead", value=mean_by_person(videos, spread)[0]
                ),
            )
        )  # fmt: skip
    return found


def _presence(videos: Sequence[Seen]) -> list[Row]:
    metric = "face presence by frame, balanced accuracy"
    there = [v for v in videos if v.entry.path.parent.name in ALWAYS and v.frames]
    away = [v for v in videos if NEVER in v.entry.shows and v.frames]
    if not there or not away:
        return [skipped(AREA, metric, "needs talking videos and one described as 'no face'")]
    found = {
        name: (_share(there, name) + 1 - _share(away, name)) / 2
        for name in ("with_face", "theirs_with_face")
    }
    return [
        Row(
            area=AREA, metric=metric, value=found["with_face"], n=len(there) + len(away),
            baseline=Comparison(name="always a face", value=0.5),
            peer=Comparison(name="MediaPipe's landmarker", value=found["theirs_with_face"]),
            note=f"{len(there)} talking videos, {len(away)} without a face",
        )
    ]  # fmt: skip


def _share(videos: Sequence[Seen], name: str) -> float:
    return float(sum(getattr(v, name) for v in videos) / sum(v.frames for v in videos))
