"""Filled pauses against what was said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import VoiceEvent

from services.runtime.media import SAMPLE_RATE
from services.voice import words
from training.results import Comparison, Row, bootstrap, skipped
from training.voice import held_out
from training.voice.corpus import Recording, Span, by_person

AREA = "voice"
TARGET = 0.8

MIN_SECONDS = 0.06
"""An annotated filler shorter than this is a slip of the aligner."""

READ_FOLDERS = ("speech_clean", "speech_emotion", "video_grid")
"""Read or recited speech, in which nobody says um."""

Counts = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    return [_events(recordings), _false_alarms(recordings)]


def wanted(recording: Recording) -> list[Span] | int:
    """The fillers that were said: their places, or only how many where those are unknown."""
    if recording.spoken:
        spans = [(s.start / SAMPLE_RATE, s.end / SAMPLE_RATE) for s in recording.spoken if s.filler]
        return [(start, end) for start, end in spans if end - start >= MIN_SECONDS]
    assert recording.text
    return sum(words.is_filler(word) for word in recording.text.words)


def told(recording: Recording) -> list[Span]:
    """The filled pauses that networks tell which never heard the speaker."""
    held = held_out.of(recording.entry.path)
    if held and held.filled_pauses is not None:
        return held.filled_pauses
    return recording.events(VoiceEvent.FILLED_PAUSE)


def count(said: list[Span] | int, got: list[Span]) -> list[int]:
    """[hits, wanted, got]. A hit overlaps, each is used once; without places all that can be
    asked is that there are as many."""
    if isinstance(said, int):
        return [min(said, len(got)), said, len(got)]
    left = list(got)
    for start, end in said:
        hit = next((span for span in left if span[0] < end and start < span[1]), None)
        if hit:
            left.remove(hit)
    return [len(got) - len(left), len(said), len(got)]


def f1(counts: Counts) -> float:
    """Of [n, (hits, wanted, got)]."""
    hits, said, got = counts.sum(axis=0)[:3]
    return float(2 * hits / (said + got)) if said + got else float("nan")


def measured(recordings: list[Recording]) -> list[Recording]:
    """Those whose text a person wrote word by word, fillers and all."""
    return [r for r in recordings if r.folder == "speech_disfluent" and r.text and not r.text.weak]


def _events(recordings: list[Recording]) -> Row:
    metric = "filled pauses, event F1"
    chosen = measured(recordings)
    if not any(wanted(recording) for recording in chosen):
        return skipped(AREA, metric, "no recording with fillers in its text")
    ours, by_text, knew, unplaced = [], [], 0, 0
    for recording in chosen:
        said = wanted(recording)
        unplaced += said if isinstance(said, int) else 0
        held = held_out.of(recording.entry.path)
        knew += held is not None and held.filled_pauses is not None
        ours.append(np.array([count(said, told(recording))], float))
        text = [(w.start_us / 1e6, w.end_us / 1e6) for w in recording.heard if w.filler]
        by_text.append(np.array([count(said, text)], float))
    low, high = bootstrap(by_person(chosen, ours), f1)
    return Row(
        area=AREA, metric=metric, value=f1(np.concatenate(ours)), low=low, high=high,
        n=int(np.concatenate(ours)[:, 1].sum()), target=TARGET,
        baseline=Comparison(name="transcript only", value=f1(np.concatenate(by_text))),
        note=f"{knew} of {len(chosen)} recordings as heard by networks that never heard their "
        f"speaker, the others by the shipped one; of {unplaced} of the fillers only the number is "
        "known, not the place",
    )  # fmt: skip


def _false_alarms(recordings: list[Recording]) -> Row:
    metric = "filled pauses told in read speech, per minute"
    chosen = [r for r in recordings if r.folder in READ_FOLDERS]
    if not chosen:
        return skipped(AREA, metric, "no read speech")
    figures = [np.array([[len(told(recording)), recording.seconds / 60]]) for recording in chosen]

    def rate(figures: Counts) -> float:
        return float(figures[:, 0].sum() / figures[:, 1].sum())

    low, high = bootstrap(by_person(chosen, figures), rate)
    return Row(
        area=AREA, metric=metric, value=rate(np.concatenate(figures)), low=low, high=high,
        n=len(figures), better="lower", note="upper bound: a reader may say one",
    )  # fmt: skip
