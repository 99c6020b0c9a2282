"""Measures over time, for the report's plots."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Series
from greenroom.v1.signals_pb2 import VoiceState, Word

from services.aggregator.spans import Stretch, pauses_in_speech
from services.aggregator.state import SessionState, Window
from services.aggregator.triggers import SPOKEN
from services.runtime.measures import MEASURES
from services.runtime.media import MICROSECONDS

SERIES_STEP_US = MICROSECONDS
"""One point a second is as much as a plot can show."""

PACE_WINDOW_US = 10 * MICROSECONDS
"""Words a minute need some ten seconds to mean anything."""

READERS: dict[str, tuple[Kind.ValueType, Callable[[Window], float | None]]] = {
    "eye_contact": (Kind.KIND_FACE, lambda w: _percent(_field(w, "eye_contact"))),
    "smile": (Kind.KIND_FACE, lambda w: _percent(_field(w, "smile"))),
    "movement": (Kind.KIND_GESTURE, lambda w: _field(w, "movement")),
    "pitch_median": (Kind.KIND_VOICE, lambda w: _field(w, "f0_hz")),
    "loudness": (Kind.KIND_VOICE, lambda w: _spoken_level(w)),
}
"""What is plotted over time, and how it is read from a window."""


def series(state: SessionState, whole: Stretch, start_us: int) -> list[Series]:
    """One point a second; seconds in which a thing was not seen are left out."""
    windows = {
        Kind.KIND_FACE: state.face,
        Kind.KIND_GESTURE: state.gesture,
        Kind.KIND_VOICE: state.voice,
    }
    made = [
        _line(measure, windows[kind], whole, start_us, read)
        for measure, (kind, read) in READERS.items()
    ]
    made += [_pace(state.words, whole, start_us), _pauses(state, whole, start_us)]
    return [line for line in made if line.value]


def _field(window: Window, name: str) -> float | None:
    body = window.body
    return float(getattr(body, name)) if body.HasField(name) else None  # type: ignore[arg-type]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _spoken_level(window: Window) -> float | None:
    body = window.body
    spoken = isinstance(body, VoiceState) and body.speech > SPOKEN
    return body.loudness_dbfs if spoken and isinstance(body, VoiceState) else None


def _line(
    measure: str,
    windows: list[Window],
    whole: Stretch,
    start_us: int,
    read: Callable[[Window], float | None],
) -> Series:
    line = Series(measure=measure, unit=MEASURES[measure].unit)
    seconds: dict[int, list[float]] = defaultdict(list)
    for window in windows:
        value = read(window)
        if value is not None and whole.holds(window.start_us, window.end_us):
            seconds[(window.start_us - start_us) // SERIES_STEP_US].append(value)
    for second, values in sorted(seconds.items()):
        line.time_ms.append(second * SERIES_STEP_US // 1000)
        line.value.append(round(sum(values) / len(values), 2))
    return line


def _pace(words: list[Word], whole: Stretch, start_us: int) -> Series:
    """Words a minute over the last ten seconds, where there were any."""
    line = Series(measure="speech_rate", unit=MEASURES["speech_rate"].unit)
    starts = [word.start_us for word in words]
    for at_us in range(whole.start_us + PACE_WINDOW_US, whole.end_us, SERIES_STEP_US):
        count = bisect_left(starts, at_us) - bisect_left(starts, at_us - PACE_WINDOW_US)
        if count:
            line.time_ms.append((at_us - start_us) // 1000)
            line.value.append(round(count * 60 * MICROSECONDS / PACE_WINDOW_US, 1))
    return line


def _pauses(state: SessionState, whole: Stretch, start_us: int) -> Series:
    """Each pause where it began, with its length."""
    line = Series(measure="pause_mean", unit=MEASURES["pause_mean"].unit)
    for event in pauses_in_speech(state.events, whole, state.asked):
        line.time_ms.append((event.start_us - start_us) // 1000)
        line.value.append(round((event.end_us - event.start_us) / MICROSECONDS, 2))
    return line
