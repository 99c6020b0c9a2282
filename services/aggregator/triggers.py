"""What is worth a nudge: simple tests over the last seconds of signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.signals_pb2 import FaceState, GestureState, VoiceState

from services.aggregator.policy import Trigger
from services.aggregator.spans import seconds, spoken_seconds, union
from services.aggregator.state import Asked, Event, SessionState, Window
from services.runtime.media import MICROSECONDS

LOOK_US = 8 * MICROSECONDS
"""The window of most triggers: long enough to be a habit, short enough to be now."""

PACE_US = 15 * MICROSECONDS
PACE_WORDS, PACE_SPOKEN_S = 12, 7.5
"""Fewer words, or words of less time, have no pace yet."""

SILENT_US = 8 * MICROSECONDS
"""Silence after a question: longer than nearly every pause for thought."""

LONGEST_EVENT_US = 60 * MICROSECONDS
"""An event that began earlier than this before the window is not looked for."""

FILLED = 0.75
"""Share of the window that must be covered by signals."""

FAST_WPM, SLOW_WPM = 185.0, 95.0
GOOD_WPM = (115.0, 170.0)
AWAY_SHARE, CONTACT_SHARE = 0.25, 0.75
SPOKEN = 0.5
"""A voice window with more speech than this counts as speaking."""

QUIET_DBFS, QUIET_WINDOWS = -42.0, 10
SILENT_SHARE, TALKING_SHARE = 0.02, 0.3
"""Share of speech in the window below which there was silence, and above which talk."""

MANY_FILLERS, FILLER_US = 4, 20 * MICROSECONDS
FIDGET_SHARE = 0.6
OVER_TIME = 1.5
"""Times the question's suggested length."""

SURE_AT = 2.0
"""A measure this many times its margin past the threshold is certain."""


@dataclass(frozen=True)
class _Now:
    """The session's present, and how far back the answer reaches."""

    state: SessionState
    asked: Asked
    at_us: int
    since_us: int
    """The answer's start, or the end of the pause in it."""

    def windows(self, kept: list[Window], length_us: int) -> list[Window]:
        """The last windows of the answer, when they cover enough of the time; else none."""
        start_us = max(self.at_us - length_us, self.since_us)
        recent: list[Window] = []
        for window in reversed(kept):
            if window.start_us < start_us:
                break
            recent.append(window)
        recent.reverse()
        return recent if seconds(recent) * MICROSECONDS >= FILLED * length_us else []

    def events(self, name: str, length_us: int) -> list[Event]:
        start_us = max(self.at_us - length_us, self.since_us)
        found = []
        for event in reversed(self.state.events):
            if event.start_us < start_us - LONGEST_EVENT_US:
                break
            if event.type == name and event.end_us >= start_us:
                found.append(event)
        return found

    def speech(self, length_us: int) -> float:
        """Share of speech in the window; 0 when it is not covered."""
        return _speech(self.windows(self.state.voice, length_us))

    def trigger(
        self,
        name: str,
        text: str,
        icon: str,
        source: Kind.ValueType,
        sure: float,
        *,
        positive: bool = False,
        when_silent: bool = False,
    ) -> Trigger:
        return Trigger(name, text, icon, positive, sure, self.at_us, source, when_silent)


def triggers(state: SessionState) -> Iterator[Trigger]:
    """All that hold at the session's present time."""
    asked = state.current
    if asked is None or state.paused_since_us is not None:
        return
    away = state.away
    resumed_us = away[-1][1] if away else 0
    now = _Now(state, asked, state.now_us, max(asked.start_us, resumed_us))
    for look in (_silence, _pace, _loudness, _fillers, _eyes, _hands, _time):
        yield from look(now)


def _sure(value: float, threshold: float, margin: float) -> float:
    """.5 at the threshold, 1 from SURE_AT margins past it."""
    return float(np.clip(0.5 + 0.5 * (value - threshold) / (margin * SURE_AT), 0, 1))


def _speech(windows: list[Window]) -> float:
    shares = [w.body.speech for w in windows if isinstance(w.body, VoiceState)]
    return float(np.mean(shares)) if shares else 0.0


def _silence(now: _Now) -> Iterator[Trigger]:
    windows = now.windows(now.state.voice, SILENT_US)
    dead = all(isinstance(w.body, VoiceState) and w.body.digital_silence for w in windows)
    if windows and not dead and _speech(windows) < SILENT_SHARE:
        yield now.trigger(
            "silence",
            "Take your time",
            "pause",
            Kind.KIND_VOICE,
            0.95,
            positive=True,
            when_silent=True,
        )


def _pace(now: _Now) -> Iterator[Trigger]:
    words = now.state.words_since(max(now.at_us - PACE_US, now.since_us))
    if len(words) < PACE_WORDS or spoken_seconds(words) < PACE_SPOKEN_S:
        return
    rate = len(words) / spoken_seconds(words) * 60
    if rate > FAST_WPM:
        sure = _sure(rate, FAST_WPM, 12)
        yield now.trigger("slow_down", "Slow down", "slower", Kind.KIND_VOICE, sure)
    elif rate < SLOW_WPM:
        sure = _sure(-rate, -SLOW_WPM, 10)
        yield now.trigger("more_pace", "A bit faster", "faster", Kind.KIND_VOICE, sure)
    elif GOOD_WPM[0] <= rate <= GOOD_WPM[1]:
        yield now.trigger("good_pace", "Good pace", "check", Kind.KIND_VOICE, 0.9, positive=True)


def _loudness(now: _Now) -> Iterator[Trigger]:
    spoken = [
        w.body.loudness_dbfs
        for w in now.windows(now.state.voice, LOOK_US)
        if isinstance(w.body, VoiceState) and w.body.speech > SPOKEN
    ]
    if len(spoken) < QUIET_WINDOWS:
        return
    level = float(np.median(spoken))
    if level < QUIET_DBFS:
        sure = _sure(-level, -QUIET_DBFS, 2)
        yield now.trigger("speak_up", "Speak up", "louder", Kind.KIND_VOICE, sure)


def _fillers(now: _Now) -> Iterator[Trigger]:
    recent = now.events("filled_pause", FILLER_US)
    if len(recent) >= MANY_FILLERS:
        sure = float(np.mean([event.confidence for event in recent]))
        yield now.trigger("fillers", "Pause instead", "pause", Kind.KIND_VOICE, sure)


def _eyes(now: _Now) -> Iterator[Trigger]:
    windows = now.windows(now.state.face, LOOK_US)
    contact = [
        w.body.eye_contact
        for w in windows
        if isinstance(w.body, FaceState) and w.body.HasField("eye_contact")
    ]
    if not windows or len(contact) < FILLED * len(windows):
        return
    if now.speech(LOOK_US) < TALKING_SHARE:
        return  # looking away to think is as it should be
    share = float(np.mean(contact))
    trust = float(np.mean([window.confidence for window in windows]))
    if share < AWAY_SHARE:
        sure = _sure(-share, -AWAY_SHARE, 0.08) * trust
        yield now.trigger("look_up", "Look up", "eye", Kind.KIND_FACE, sure)
    elif share > CONTACT_SHARE:
        sure = min(0.95, 0.7 + share / 4) * trust
        yield now.trigger(
            "good_eye_contact", "Good eye contact", "eye", Kind.KIND_FACE, sure, positive=True
        )


def _hands(now: _Now) -> Iterator[Trigger]:
    windows = now.windows(now.state.gesture, LOOK_US)
    if not windows:
        return
    start_us = now.at_us - LOOK_US
    fidgets = now.events("fidget", LOOK_US)
    busy_us = union((max(event.start_us, start_us), event.end_us) for event in fidgets)
    if busy_us >= FIDGET_SHARE * LOOK_US:
        sure = float(np.mean([event.confidence for event in fidgets]))
        yield now.trigger("steady_hands", "Rest your hands", "hand", Kind.KIND_GESTURE, sure)
    touching = [
        w.body.self_touch
        for w in windows
        if isinstance(w.body, GestureState) and w.body.HasField("self_touch")
    ]
    known = len(touching) >= FILLED * len(windows)
    if known and float(np.mean(touching)) > FIDGET_SHARE:
        sure = _sure(float(np.mean(touching)), FIDGET_SHARE, 0.1)
        yield now.trigger("hands_down", "Hands down", "hand", Kind.KIND_GESTURE, sure)


def _time(now: _Now) -> Iterator[Trigger]:
    question = now.state.questions.get(now.asked.question_id)
    if question is None or not question.seconds:
        return
    start_us = now.asked.start_us
    away_us = sum(max(0, end - max(start, start_us)) for start, end in now.state.away)
    if now.at_us - start_us - away_us > OVER_TIME * question.seconds * MICROSECONDS:
        yield now.trigger("wrap_up", "Wrap up", "clock", Kind.KIND_AGGREGATOR, 0.95)
