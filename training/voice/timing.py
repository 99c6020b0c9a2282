"""Rates and times of speaking: against the text, and where words have times, against them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import VoiceEvent

from services.voice import words
from training.results import Row, bootstrap, skipped
from training.voice import texts
from training.voice.corpus import Recording, by_person
from training.voice.transcripts import ratio

AREA = "voice"

LONG_SECONDS = 10.0
"""A word more or less is a tenth of a rate in shorter recordings."""

Figures = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    whole = [recording for recording in recordings if _is_whole(recording)]
    timed = [recording for recording in recordings if recording.spoken]
    annotated = [recording for recording in recordings if recording.speech]
    return [
        _rate_of_all(whole),
        _rate_of_each("10 s and longer", [r for r in whole if r.seconds >= LONG_SECONDS]),
        _rate_of_each("shorter", [r for r in whole if r.seconds < LONG_SECONDS]),
        _mean("articulation rate, mean relative error", _articulation, timed,
              note="syllables a second of phonation"),
        _mean("mean length of run, mean relative error", _runs, timed,
              note="words between pauses"),
        _mean("phonation ratio, mean absolute error", _phonation, annotated),
        _mean("response delay, mean absolute error", _delay, annotated, unit="ms",
              note="from the start of the recording to its first word"),
    ]  # fmt: skip


def _is_whole(recording: Recording) -> bool:
    """Whether it is known how many words are said: not in excerpts, nor where words are cut off,
    whose parts are not in the text."""
    text = recording.text
    if text is None or text.open_start or text.open_end:
        return False
    return "<cutoff" not in recording.entry.label


def _rate_of_all(recordings: list[Recording]) -> Row:
    metric = "speech rate, error of the total"
    if not recordings:
        return skipped(AREA, metric, "no recording has a whole text")
    figures = [_words(recording) for recording in recordings]

    def off(rows: Figures) -> float:
        return abs(ratio(rows) - 1.0)

    low, high = bootstrap(by_person(recordings, figures), off)
    return Row(
        area=AREA, metric=metric, value=off(np.concatenate(figures)), low=low, high=high,
        n=len(figures), better="lower", target=0.03,
        note="words told / words said, over the same speech time",
    )  # fmt: skip


def _rate_of_each(part: str, recordings: list[Recording]) -> Row:
    metric = "speech rate, mean error by recording"
    if not recordings:
        return skipped(AREA, metric, f"no recording with a whole text is {part}")
    figures = [abs(row[:, :1] / row[:, 1:] - 1) for row in map(_words, recordings)]
    low, high = bootstrap(by_person(recordings, figures), lambda rows: float(rows.mean()))
    return Row(
        area=AREA, metric=metric, slice=part, value=float(np.concatenate(figures).mean()),
        low=low, high=high, n=len(figures), better="lower", target=0.03,
        note="words told / words said, over the same speech time",
    )  # fmt: skip


def _words(recording: Recording) -> Figures:
    """[1, (words told, words said)]"""
    assert recording.text
    return np.array([[len(texts.words(recording.said)), len(recording.text.words)]], float)


def _mean(
    metric: str,
    error: Callable[[Recording], float],
    recordings: list[Recording],
    *,
    unit: str = "",
    note: str = "",
) -> Row:
    if not recordings:
        return skipped(AREA, metric, "no recording has annotated speech or word times")
    figures = [np.array([[error(recording)]]) for recording in recordings]
    low, high = bootstrap(by_person(recordings, figures), lambda rows: float(rows.mean()))
    return Row(
        area=AREA, metric=metric, value=float(np.concatenate(figures).mean()), low=low,
        high=high, unit=unit, n=len(figures), better="lower", note=note,
    )  # fmt: skip


def _articulation(recording: Recording) -> float:
    spoken = sum(end - start for start, end in recording.speech)
    wanted = sum(words.syllables(item.text) for item in recording.spoken) / spoken
    seconds = sum(segment.speech_seconds for segment in recording.segments)
    got = sum(segment.syllables for segment in recording.segments)
    return abs(got / seconds / wanted - 1) if seconds else 1.0


def _runs(recording: Recording) -> float:
    """Words between pauses: annotated words and gaps against ours."""
    wanted = len(recording.spoken) / len(recording.speech)
    runs = len(recording.events(VoiceEvent.SPEECH))
    return abs(len(recording.heard) / runs / wanted - 1) if runs else 1.0


def _phonation(recording: Recording) -> float:
    wanted = sum(end - start for start, end in recording.speech)
    got = sum(end - start for start, end in recording.events(VoiceEvent.SPEECH))
    return abs(got - wanted) / recording.seconds


def _delay(recording: Recording) -> float:
    """Milliseconds between the annotated and the told first speech."""
    told = min((start for start, _ in recording.events(VoiceEvent.SPEECH)), default=0.0)
    return abs(told - recording.speech[0][0]) * 1000
