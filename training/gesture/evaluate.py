"""The gesture service's accuracy on a folder of recordings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.gesture.analyzer import GestureAnalyzer
from services.gesture.shapes import SHAPES, ShapeHead
from services.runtime.media import Floats, Frame
from training.face.dataset import frames, videos
from training.gesture import rules
from training.gesture.dataset import TRAINED_CLIPS, Labelled, clip_hands, photos, table
from training.gesture.teacher import Teacher
from training.results import Comparison, Row, bootstrap, skipped

AREA = "gesture"
TIMED_FRAMES = 150
FRAME_US = 66_667
"""Fifteen frames a second, as the gateway publishes."""

Pairs = npt.NDArray[np.int64]


def evaluate(data: Path) -> list[Row]:
    """All figures of the gesture service; what the folder lacks is skipped with a word."""
    head = ShapeHead()
    try:
        teacher: Teacher | None = Teacher()
    except FileNotFoundError:
        teacher = None
    return [*_table(data, head), *_photos(data, head, teacher), *_clips(data, head, teacher),
            _cost(data)]  # fmt: skip


def accuracy(pairs: Pairs) -> float:
    """Of [n, (wanted, got)]."""
    return float((pairs[:, 0] == pairs[:, 1]).mean())


def f1(pairs: Pairs, shape: int) -> float:
    """Of one shape; nan when it was neither wanted nor got."""
    wanted, got = pairs[:, 0] == shape, pairs[:, 1] == shape
    total = int(wanted.sum() + got.sum())
    return 2 * int((wanted & got).sum()) / total if total else float("nan")


def majority(pairs: Pairs) -> float:
    """The accuracy of always saying the commonest shape."""
    return float(np.bincount(pairs[:, 0]).max() / len(pairs))


def _rows(metric: str, ours: Sequence[Pairs], other: Pairs, peer: str, note: str) -> list[Row]:
    """Accuracy with its interval over the groups, then F1 of each shape that is wanted."""
    pairs = np.concatenate(ours)
    low, high = bootstrap([group.astype(float) for group in ours], _accuracy_of_floats)
    found = [
        Row(
            area=AREA, metric=f"{metric}, accuracy", value=accuracy(pairs), low=low, high=high,
            n=len(pairs), baseline=Comparison(name="majority", value=majority(pairs)),
            peer=Comparison(name=peer, value=accuracy(other)), note=note,
        )
    ]  # fmt: skip
    for number in sorted(set(pairs[:, 0])):
        found.append(
            Row(
                area=AREA, metric=f"{metric}, F1", slice=SHAPES[number].replace("_", " "),
                value=f1(pairs, number), n=int((pairs[:, 0] == number).sum()),
                peer=Comparison(name=peer, value=f1(other, number)),
            )
        )  # fmt: skip
    return found


def _accuracy_of_floats(pairs: Floats) -> float:
    return accuracy(pairs.astype(np.int64))


def _table(data: Path, head: ShapeHead) -> list[Row]:
    metric = "shapes of held-out landmark rows"
    rows = table(data)
    if rows is None or not len(rows[1].labels):
        return [skipped(AREA, metric, "no gesture_landmarks/keypoint.csv")]
    held = rows[1]
    ours = _pairs(held, [head(points)[0] for points in held.points])
    flat = [np.concatenate([points, np.zeros((21, 1))], axis=1) for points in held.points]
    fixed = _pairs(held, [rules.name_of(points[:, :2], points) for points in flat])
    single = [ours[i : i + 1] for i in range(len(ours))]
    note = "one person's hands; groups of like rows held out, interval over rows"
    return _rows(metric, single, fixed, "fixed bounds on the fingers' bends", note)


def _pairs(labelled: Labelled, names: Sequence[str]) -> Pairs:
    return np.stack([labelled.labels, [SHAPES.index(name) for name in names]], axis=1)


def _photos(data: Path, head: ShapeHead, teacher: Teacher | None) -> list[Row]:
    metric = "gesture shown in a photo"
    found = list(photos(data))
    if not found:
        return [skipped(AREA, metric, "no labelled photo in images_gesture")]
    ours, fixed, theirs = [], [], []
    for _, shape, hands in found:
        wanted = SHAPES.index(shape)
        ours.append(np.array([[wanted, _best([head(hand.points) for hand in hands])]]))
        fixed.append([wanted, _best([(rules.name_of(h.points, h.world), 1.0) for h in hands])])
        if teacher:
            theirs.append([wanted, _best([teacher.name(hand) for hand in hands])])
    # A teacher that is not there leaves the fixed bounds to compare with.
    peer = "MediaPipe's recognizer on our hands" if theirs else "fixed bounds"
    note = "never trained on; a photo in which no hand is found shows none"
    rows = _rows(metric, ours, np.array(theirs or fixed), peer, note)
    rules_row = rows[0].model_copy(
        update={
            "metric": f"{metric}, accuracy of fixed bounds", "value": accuracy(np.array(fixed)),
            "low": None, "high": None, "peer": None, "note": "what the network replaced",
        }
    )  # fmt: skip
    with_hand = [bool(hands) for _, _, hands in found]
    hand_row = Row(
        area=AREA, metric="photos of hands in which a hand is found", n=len(found),
        value=float(np.mean(with_hand)),
    )  # fmt: skip
    return [*rows, rules_row, hand_row]


def _best(named: Sequence[tuple[str, float]]) -> int:
    """Of a photo's hands: the surest one that shows something."""
    shown = [(sure, name) for name, sure in named if name != "none"]
    return SHAPES.index(max(shown)[1]) if shown else 0


def _clips(data: Path, head: ShapeHead, teacher: Teacher | None) -> list[Row]:
    metric = "hands in conversation that show nothing, share called so"
    if teacher is None:
        return [skipped(AREA, metric, "the teacher's models, which label them, are missing")]
    groups: list[Pairs] = []
    fixed: list[Pairs] = []
    for name, hands in clip_hands(data):
        if name in TRAINED_CLIPS:
            continue
        still = [hand for hand in hands if teacher.turned_name(hand) == "none"]
        if still:
            groups.append(_shown([head(hand.points)[0] for hand in still]))
            fixed.append(_shown([rules.name_of(hand.points, hand.world) for hand in still]))
    if not groups:
        return [skipped(AREA, metric, "no video with hands that was not trained on")]
    low, high = bootstrap([group.astype(float) for group in groups], _accuracy_of_floats)
    pairs = np.concatenate(groups)
    return [
        Row(
            area=AREA, metric=metric, value=accuracy(pairs), low=low, high=high, n=len(pairs),
            peer=Comparison(name="fixed bounds", value=accuracy(np.concatenate(fixed))),
            note="labels by MediaPipe's recognizer; clips not trained on, interval over clips",
        )
    ]  # fmt: skip


def _shown(names: Sequence[str]) -> Pairs:
    return np.array([[0, SHAPES.index(name)] for name in names])


def _cost(data: Path) -> Row:
    """CPU time, not wall time: other processes may run beside."""
    metric = "analysis of a frame, CPU"
    clips = [entry for entry in videos(data) if "hand" in entry.shows]
    if not clips:
        return skipped(AREA, metric, "no video whose description speaks of hands")
    longest = max(clips, key=lambda entry: entry.duration_s or 0.0)
    pictures = [image for image, _ in frames(longest.path, 2)][:TIMED_FRAMES]
    analyzer = GestureAnalyzer()
    started = time.process_time()
    for number, image in enumerate(pictures):
        list(analyzer.analyze(Frame(image, number * FRAME_US, number)))
    spent = time.process_time() - started
    return Row(
        area=AREA, metric=metric, value=spent / len(pictures) * 1000, unit="ms", better="lower",
        n=len(pictures), note="hands in view all through; reported, not asserted",
    )  # fmt: skip
