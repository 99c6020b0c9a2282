"""What is worth a nudge: simple tests over the last seconds of signals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.signals_pb2 import FaceState, GestureState, VoiceState

from services.aggregator.policy import Trigger
from services.aggregator.state import SessionState, Window
from services.runtime.media import MICROSECONDS

LOOK_US = 8 * MICROSECONDS
"""The window of most triggers: long enough to be a habit, short enough to be now."""

PACE_US = 15 * MICROSECONDS
SILENT_US = 8 * MICROSECONDS
"""Silence after a question: longer than nearly every pause for thought."""

FILLED = 0.75
"""Share of the window that must be covered by signals."""

FAST_WPM, SLOW_WPM = 185.0, 95.0
GOOD_WPM = (115.0, 170.0)
AWAY_SHARE, CONTACT_SHARE = 0.25, 0.75
QUIET_DBFS = -42.0
MANY_FILLERS, FILLER_US = 4, 20 * MICROSECONDS
FIDGET_SHARE = 0.6
OVER_TIME = 1.5
"""Times the question's suggested length."""

SURE_AT = 2.0
"""A measure this many times its margin past the threshold is certain."""


def triggers(state: SessionState) -> Iterator[Trigger]:
    """All that hold at the session's present time."""
    asked = state.current
    if asked is None or state.paused_since_us is not None:
        return
    now_us = state.now_us
    yield from _silence(state, now_us)
    yield from _pace(state, now_us)
    yield from _loudness(state, now_us)
    yield from _fillers(state, now_us)
    yield from _eyes(state, now_us)
    yield from _hands(state, now_us)
    yield from _time(state, now_us)


def _recent(windows: list[Window], now_us: int, length_us: int) -> list[Window]:
    """The last windows, when they cover enough of the time; else none."""
    recent: list[Window] = []
    for window in reversed(windows):
        if window.end_us < now_us - length_us:
            break
        recent.append(window)
    covered = sum(window.end_us - window.start_us for window in recent)
    return recent[::-1] if covered >= FILLED * length_us else []


def _sure(value: float, threshold: float, margin: float) -> float:
    """.5 at the threshold, 1 from SURE_AT margins past it."""
    return float(np.clip(0.5 + 0.5 * (value - threshold) / (margin * SURE_AT), 0, 1))


def _speech(windows: list[Window]) -> float:
    shares = [w.body.speech for w in windows if isinstance(w.body, VoiceState)]
    return float(np.mean(shares)) if shares else 0.0


def _silence(state: SessionState, now_us: int) -> Iterator[Trigger]:
    asked = state.current
    windows = _recent(state.voice, now_us, SILENT_US)
    if asked is None or not windows or now_us - asked.start_us < SILENT_US:
        return
    dead = all(isinstance(w.body, VoiceState) and w.body.digital_silence for w in windows)
    if _speech(windows) < 0.02 and not dead:
        yield Trigger(
            "silence",
            "Take your time",
            "pause",
            True,
            0.95,
            now_us,
            Kind.KIND_VOICE,
            when_silent=True,
        )


def _pace(state: SessionState, now_us: int) -> Iterator[Trigger]:
    start_us = now_us - PACE_US
    words = [word for word in state.words if word.start_us >= start_us]
    if len(words) < 12:
        return
    span_s = (words[-1].end_us - words[0].start_us) / MICROSECONDS
    if span_s < PACE_US / MICROSECONDS / 2:
        return
    rate = len(words) / span_s * 60
    at_us = now_us
    if rate > FAST_WPM:
        sure = _sure(rate, FAST_WPM, 12)
        yield Trigger("slow_down", "Slow down", "slower", False, sure, at_us, Kind.KIND_VOICE)
    elif rate < SLOW_WPM:
        sure = _sure(-rate, -SLOW_WPM, 10)
        yield Trigger("more_pace", "A bit faster", "faster", False, sure, at_us, Kind.KIND_VOICE)
    elif GOOD_WPM[0] <= rate <= GOOD_WPM[1]:
        yield Trigger("good_pace", "Good pace", "check", True, 0.9, at_us, Kind.KIND_VOICE)


def _loudness(state: SessionState, now_us: int) -> Iterator[Trigger]:
    windows = _recent(state.voice, now_us, LOOK_US)
    spoken = [
        w.body.loudness_dbfs
        for w in windows
        if isinstance(w.body, VoiceState) and w.body.speech > 0.5
    ]
    if len(spoken) < 10:
        return
    level = float(np.median(spoken))
    if level < QUIET_DBFS:
        sure = _sure(-level, -QUIET_DBFS, 2)
        yield Trigger("speak_up", "Speak up", "louder", False, sure, now_us, Kind.KIND_VOICE)


def _fillers(state: SessionState, now_us: int) -> Iterator[Trigger]:
    recent = [
        event
        for event in state.events
        if event.type == "filled_pause" and event.end_us >= now_us - FILLER_US
    ]
    if len(recent) >= MANY_FILLERS:
        sure = float(np.mean([event.confidence for event in recent]))
        yield Trigger("fillers", "Pause instead", "pause", False, sure, now_us, Kind.KIND_VOICE)


def _eyes(state: SessionState, now_us: int) -> Iterator[Trigger]:
    windows = _recent(state.face, now_us, LOOK_US)
    contact = [
        w.body.eye_contact
        for w in windows
        if isinstance(w.body, FaceState) and w.body.HasField("eye_contact")
    ]
    if not windows or len(contact) < FILLED * len(windows):
        return
    if _speech(_recent(state.voice, now_us, LOOK_US)) < 0.3:
        return  # looking away to think is as it should be
    share = float(np.mean(contact))
    trust = float(np.mean([window.confidence for window in windows]))
    if share < AWAY_SHARE:
        sure = _sure(-share, -AWAY_SHARE, 0.08) * trust
        yield Trigger("look_up", "Look up", "eye", False, sure, now_us, Kind.KIND_FACE)
    elif share > CONTACT_SHARE:
        sure = min(0.95, 0.7 + share / 4) * trust
        yield Trigger(
            "good_eye_contact", "Good eye contact", "eye", True, sure, now_us, Kind.KIND_FACE
        )


def _hands(state: SessionState, now_us: int) -> Iterator[Trigger]:
    windows = _recent(state.gesture, now_us, LOOK_US)
    if not windows:
        return
    start_us = now_us - LOOK_US
    fidgets = [e for e in state.events if e.type == "fidget" and e.end_us >= start_us]
    busy_us = sum(event.end_us - max(event.start_us, start_us) for event in fidgets)
    if fidgets and busy_us >= FIDGET_SHARE * LOOK_US:
        sure = float(np.mean([event.confidence for event in fidgets]))
        yield Trigger(
            "steady_hands", "Rest your hands", "hand", False, sure, now_us, Kind.KIND_GESTURE
        )
    touching = [
        w.body.self_touch
        for w in windows
        if isinstance(w.body, GestureState) and w.body.HasField("self_touch")
    ]
    if touching and float(np.mean(touching)) > FIDGET_SHARE:
        sure = _sure(float(np.mean(touching)), FIDGET_SHARE, 0.1)
        yield Trigger("hands_down", "Hands down", "hand", False, sure, now_us, Kind.KIND_GESTURE)


def _time(state: SessionState, now_us: int) -> Iterator[Trigger]:
    asked = state.current
    question = state.questions.get(asked.question_id) if asked else None
    if asked is None or question is None or not question.seconds:
        return
    answered_us = now_us - asked.start_us - asked.paused_us
    if answered_us > OVER_TIME * question.seconds * MICROSECONDS:
        yield Trigger("wrap_up", "Wrap up", "clock", False, 0.95, now_us, Kind.KIND_AGGREGATOR)
