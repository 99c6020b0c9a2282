"""Which hints the recordings call for, judged by their labels and not by our own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from services.aggregator.fold import DECIDE_EVERY_US, Fold
from services.aggregator.policy import APART_US, MIN_CONFIDENCE, QUIET_START_US
from services.aggregator.triggers import triggers
from services.runtime.measures import MEASURES
from training.fusion.corpus import Practice
from training.results import Row, bootstrap, skipped
from training.voice import texts

TARGET = 0.9

Judge = Callable[[Practice], bool | None]
"""Whether the label bears a hint out; None when it does not say."""


def shown(practice: Practice) -> list[str]:
    """Triggers certain enough for a hint, each at most once in the policy's distance and none
    in its quiet start. The policy itself would show one of them at a time, praise first."""
    fold, due, last = Fold(""), 0, dict[str, int]()
    found = []
    for message in practice.stream:
        fold.take(message)
        now_us = fold.state.now_us
        if now_us < due or fold.state.current is None:
            continue
        due = now_us + DECIDE_EVERY_US
        for trigger in triggers(fold.state):
            early = now_us - fold.state.current.start_us < QUIET_START_US
            soon = now_us - last.get(trigger.name, 0) < APART_US
            if trigger.confidence < MIN_CONFIDENCE or soon or (early and not trigger.when_silent):
                continue
            last[trigger.name] = now_us
            found.append(trigger.name)
    return found


def rows(practices: Iterable[Practice]) -> list[Row]:
    """Precision over all judged hints, and for each trigger by itself."""
    judged: dict[str, list[tuple[str, bool]]] = {}
    unjudged = 0
    for practice in practices:
        for name in shown(practice):
            right = _JUDGES[name](practice) if name in _JUDGES else None
            if right is None:
                unjudged += 1
            else:
                judged.setdefault(name, []).append((practice.name, right))
    every = [found for verdicts in judged.values() for found in verdicts]
    if not every:
        return [skipped("fusion", "hint precision", "no recording calls for a hint")]
    made = [
        _row("all", every).model_copy(
            update={"target": TARGET, "note": f"{unjudged} more whose label does not say"}
        )
    ]
    made += [_row(name, verdicts) for name, verdicts in sorted(judged.items())]
    return made


def _row(name: str, verdicts: list[tuple[str, bool]]) -> Row:
    by_file: dict[str, list[float]] = {}
    for file, right in verdicts:
        by_file.setdefault(file, []).append(float(right))
    groups = [np.array(each) for each in by_file.values()]
    low, high = bootstrap(groups, lambda values: float(np.mean(values)))
    wrong = sorted({file for file, right in verdicts if not right})
    return Row(
        area="fusion",
        metric="hint precision",
        slice=name,
        value=float(np.mean([right for _, right in verdicts])),
        low=low,
        high=high,
        n=len(verdicts),
        note=f"in {len(groups)} recordings" + (f"; wrong in {', '.join(wrong)}" if wrong else ""),
    )


# --- what the labels say


def _says(*words: str) -> Callable[[Practice], bool]:
    def found(practice: Practice) -> bool:
        text = f"{practice.entry.shows} {practice.entry.label}".lower()
        return any(word in text for word in words)

    return found


_facing = _says("frontal", "looks at camera", "selfie")
_turned = _says("head turned", "turns her head", "head moves a lot")
_gesturing = _says("gesturing", "sign with hands", "asl sign", "hand turned")
_touching = _says("hand before face")
_quiet = _says("quiet", "low level")
_clean = _says("clean")
_hesitant = _says("hesitant", "restarts")
_read = _says("read sentence", "read speech", "grid corpus")


def _either(right: Callable[[Practice], bool], wrong: Callable[[Practice], bool]) -> Judge:
    def judge(practice: Practice) -> bool | None:
        if right(practice) == wrong(practice):
            return None
        return right(practice)

    return judge


def words_per_minute(practice: Practice) -> float | None:
    """By the manifest's text and the recording's length; None without a whole text."""
    reference = texts.reference(practice.entry)
    if reference is None or reference.open_start or reference.open_end:
        return None
    return len(reference.spoken) / practice.seconds * 60


def _pace(low: float, high: float) -> Judge:
    def judge(practice: Practice) -> bool | None:
        rate = words_per_minute(practice)
        return None if rate is None else low <= rate <= high

    return judge


_SLOW, _FAST = MEASURES["speech_rate"].low or 0.0, MEASURES["speech_rate"].high or 0.0

_JUDGES: dict[str, Judge] = {
    "good_pace": _pace(_SLOW, _FAST),
    "slow_down": _pace(_FAST, float("inf")),
    "more_pace": _pace(0, _SLOW),
    "good_eye_contact": _either(_facing, _turned),
    "look_up": _either(_turned, _facing),
    "steady_hands": _either(_says("fidget"), _gesturing),
    "hands_down": _either(_touching, lambda practice: not _touching(practice)),
    "speak_up": _either(_quiet, _clean),
    "fillers": _either(_hesitant, _read),
    "silence": lambda practice: None if texts.reference(practice.entry) is None else False,
}
