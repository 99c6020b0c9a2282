"""Blinks and eye contact in the videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from greenroom.v1.signals_pb2 import FaceEvent

from services.face.episodes import Hysteresis
from services.face.eyes import openness
from training.face.corpus import Seen, Span
from training.results import Comparison, Row, bootstrap, skipped

AREA = "face"

SHUT, OPEN = 0.5, 0.35
"""The teacher's eyeBlink above which an eye shuts, and below which it is open again."""

LABEL_MIN_US, LABEL_MAX_US = 50_000, 500_000
"""A blink lasts 100-400 ms; the crossings lie inside or outside of that by a frame or two."""

NEAR_US = 150_000
"""A blink is found when an event lies this near."""

FIXED_RATIO = 0.2
"""The eye aspect ratio under which an eye is shut, whoever's it is (Soukupova and Cech 2016)."""

STEADY_WORDS = ("looks at camera", "looking at the camera", "looks into the camera")


def rows(seen: Sequence[Seen]) -> list[Row]:
    videos = [video for video in seen if video.ours]
    return [_blinks(videos), _contact(videos)]


def crossings(values: Sequence[tuple[int, float]]) -> list[Span]:
    """Spans in which a value is high, of the length of a blink."""
    detector = Hysteresis(SHUT, OPEN, LABEL_MIN_US, LABEL_MAX_US)
    found = [detector.add(value, time_us) for time_us, value in values]
    return [(episode.start_us, episode.end_us) for episode in found if episode]


def matched(wanted: Sequence[Span], got: Sequence[Span]) -> int:
    """How many of the wanted spans have an own one within NEAR_US."""
    left = list(got)
    hits = 0
    for start, end in wanted:
        near = [s for s in left if s[0] <= end + NEAR_US and s[1] >= start - NEAR_US]
        if near:
            left.remove(near[0])
            hits += 1
    return hits


def f1(counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Of [n, (hits, wanted, got)]."""
    hits, wanted, got = counts.sum(axis=0)
    return float(2 * hits / (wanted + got)) if wanted + got else float("nan")


def _blinks(videos: Sequence[Seen]) -> Row:
    metric = "blinks, F1 of events"
    ours, fixed = [], []
    for video in videos:
        wanted = crossings(video.blinks)
        got = [span for kind, span in video.events if kind == FaceEvent.BLINK]
        plain = _fixed(video)
        ours.append(np.array([[matched(wanted, got), len(wanted), len(got)]], float))
        fixed.append(np.array([[matched(wanted, plain), len(wanted), len(plain)]], float))
    total = np.concatenate(ours) if ours else np.zeros((0, 3))
    if not total[:, 1].sum():
        return skipped(AREA, metric, "the teacher sees no blink in the videos")
    low, high = bootstrap(ours, f1)
    return Row(
        area=AREA, metric=metric, value=f1(total), low=low, high=high, n=int(total[:, 1].sum()),
        baseline=Comparison(name="eye aspect ratio under .2", value=f1(np.concatenate(fixed))),
        note="labels: the teacher's eyeBlink rising over .5, at the video's full rate; ours at 15 "
        f"frames/s; precision {total[:, 0].sum() / max(total[:, 2].sum(), 1):.2f}, "
        f"recall {total[:, 0].sum() / total[:, 1].sum():.2f}",
    )  # fmt: skip


def _fixed(video: Seen) -> list[Span]:
    """Blinks by a threshold that is the same for everyone."""
    detector = Hysteresis(-FIXED_RATIO, -FIXED_RATIO, 1, LABEL_MAX_US)
    found = [
        detector.add(-openness(points), time_us)
        for points, time_us in zip(video.ours, video.times, strict=True)
    ]
    return [(episode.start_us, episode.end_us) for episode in found if episode]


def _contact(videos: Sequence[Seen]) -> Row:
    metric = "eye contact, share of frames of people who look at the camera"
    steady = [v for v in videos if any(word in v.entry.shows for word in STEADY_WORDS)]
    shares = [
        np.array([s.eye_contact for s in video.states if s.HasField("eye_contact")])
        for video in steady
    ]
    shares = [share for share in shares if len(share)]
    if not shares:
        return skipped(AREA, metric, "no video whose description says so, long enough to calibrate")
    low, high = bootstrap(shares, lambda sample: float(sample.mean()))
    return Row(
        area=AREA, metric=metric, value=float(np.concatenate(shares).mean()), low=low, high=high,
        n=len(shares), note="after calibration; no video says when a person looks away",
    )  # fmt: skip
