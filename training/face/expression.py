"""The expression head against its teacher, on people it was not trained on."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.face.expression import INDEX, ExpressionHead
from services.runtime.media import Floats
from training.face.corpus import Seen
from training.face.dataset import TRAINED_CLIPS, Clip, person
from training.face.teacher import Teacher
from training.face.train import held_out
from training.results import Comparison, Row, bootstrap, skipped

AREA = "face"
TARGET = 0.03
TIME_TARGET_MS = 0.5
TIMED_CALLS = 300
ENOUGH_FRAMES = 10

SUMMARIES = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "frown (brow)": ("browDownLeft", "browDownRight"),
    "cheek": ("cheekSquintLeft", "cheekSquintRight"),
    "mouth corners down": ("mouthFrownLeft", "mouthFrownRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
}


def rows(seen: Sequence[Seen], teacher: Teacher) -> list[Row]:
    metric = "expression head, mean absolute error against the teacher"
    videos = [video for video in seen if len(video.ours) >= ENOUGH_FRAMES]
    if not videos:
        return [skipped(AREA, metric, "no video with a face")]
    clips = [
        Clip(
            v.entry.path.stem, v.entry.tier, np.array(v.smooth), np.array(v.theirs),
            np.array(v.labels),
        )
        for v in videos
    ]  # fmt: skip
    results = list(_unseen(clips, teacher))
    if not results:
        return [skipped(AREA, metric, "one person, whom the head was trained on: none to compare")]
    return [*_errors(results, metric, teacher), *_correlations(results), _time(clips[0])]


def _unseen(clips: list[Clip], teacher: Teacher) -> list[tuple[Clip, Floats]]:
    """Clips the shipped head has seen are read by heads that have not seen their people."""
    head = ExpressionHead()
    known = [clip for clip in clips if clip.name in TRAINED_CLIPS]
    fresh = [clip for clip in clips if clip.name not in TRAINED_CLIPS]
    found = list(held_out(known, teacher)) if known else []
    return found + [(clip, np.array([head(points) for points in clip.ours])) for clip in fresh]


def _errors(results: list[tuple[Clip, Floats]], metric: str, teacher: Teacher) -> list[Row]:
    mean = np.concatenate([clip.labels for clip, _ in results]).mean(0)
    ours = _by_person([(clip, np.abs(got - clip.labels).mean(1)) for clip, got in results])
    flat = _by_person([(clip, np.abs(clip.labels - mean).mean(1)) for clip, _ in results])
    direct = _by_person([(clip, _teacher_on_ours(clip, teacher)) for clip, _ in results])
    low, high = bootstrap(ours, _mean)
    note = "52 coefficients, mean over people; folds by person where the shipped head saw them"
    found = [
        Row(
            area=AREA, metric=metric, value=float(np.mean(ours)), low=low, high=high, n=len(ours),
            target=TARGET, better="lower", note=note,
            baseline=Comparison(name="mean of all", value=float(np.mean(flat))),
            peer=Comparison(name="the teacher itself on our points", value=float(np.mean(direct))),
        )
    ]  # fmt: skip
    clips = [np.array([np.abs(got - clip.labels).mean()]) for clip, got in results]
    low, high = bootstrap(clips, _mean)
    found.append(
        Row(
            area=AREA, metric=metric, slice="mean over clips", value=float(np.mean(clips)), low=low,
            high=high, n=len(clips), target=TARGET, better="lower",
            note="weighs the many short clips of a few small, distant faces more",
        )
    )  # fmt: skip
    return found


def _teacher_on_ours(clip: Clip, teacher: Teacher) -> Floats:
    got = np.array([teacher.blendshapes(points) for points in clip.ours])
    result: Floats = np.abs(got - clip.labels).mean(1)
    return result


def _by_person(values: list[tuple[Clip, Floats]]) -> list[npt.NDArray[np.float64]]:
    """[1] the mean of each person's frames."""
    people: dict[str, list[Floats]] = {}
    for clip, found in values:
        people.setdefault(person(clip.name), []).append(found)
    return [np.array([np.concatenate(found).mean()], np.float64) for found in people.values()]


def _mean(sample: npt.NDArray[np.float64]) -> float:
    return float(sample.mean())


def _correlations(results: list[tuple[Clip, Floats]]) -> list[Row]:
    found = []
    for name, columns in SUMMARIES.items():
        places = [INDEX[column] for column in columns]
        pairs = [
            np.stack([clip.labels[:, places].mean(1), got[:, places].mean(1)], axis=1)
            for clip, got in results
        ]
        low, high = bootstrap(pairs, correlation)
        found.append(
            Row(
                area=AREA, metric="expression head, correlation with the teacher", slice=name,
                value=correlation(np.concatenate(pairs)), low=low, high=high, n=len(pairs),
                note="over all frames, interval over clips",
            )
        )  # fmt: skip
    return found


def correlation(pairs: Floats) -> float:
    """Pearson's, of [n, 2]; nan when one side does not vary."""
    if len(pairs) < 2 or pairs.std(0).min() < 1e-9:
        return float("nan")
    return float(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1])


def _time(clip: Clip) -> Row:
    head = ExpressionHead()
    spent = []
    for number in range(TIMED_CALLS):
        started = time.perf_counter()
        head(clip.ours[number % len(clip.ours)])
        spent.append(time.perf_counter() - started)
    return Row(
        area=AREA, metric="expression head, time of a call", value=float(np.median(spent)) * 1000,
        unit="ms", n=TIMED_CALLS, target=TIME_TARGET_MS, better="lower",
        note="median, normalising included, one thread",
    )  # fmt: skip
