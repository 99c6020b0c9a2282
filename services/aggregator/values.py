"""Measures of a stretch of the session, each with its interval, none of them invented."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from greenroom.v1.report_pb2 import MeasureValue
from greenroom.v1.signals_pb2 import DisfluencySpan, FaceState, GestureState, VoiceState, Word

from services.aggregator.state import Asked, Event, SessionState, Window
from services.runtime.measures import MEASURES
from services.runtime.media import MICROSECONDS

MIN_SECONDS = 3.0
"""Less than this of a face, a hand or a voice is too little to say anything."""

MIN_WORDS = 8
LONG_PAUSE_US = 2 * MICROSECONDS
"""Longer pauses are turns of thought, not pace: they count as pauses, not in the rate."""

Z95 = 1.96
CORRELATION_S = 2.0
"""Neighbouring windows are alike: this many seconds count as one independent look."""

FACE = ("eye_contact", "smile", "frown", "blink_rate", "looking_away", "nods", "brief_movements")
HANDS = ("movement", "gesture_rate", "fidgeting", "pointing")
VOICE = (
    "pause_rate",
    "pause_mean",
    "filled_pauses",
    "pitch_variation",
    "pitch_median",
    "loudness_variation",
    "loudness",
    "breaths",
    "phonation_ratio",
)
WORDS = ("speech_rate", "articulation_rate", "mean_run")
ANSWER = (
    "relevance",
    "completeness",
    "specificity",
    "star_parts",
    "ownership",
    "vagueness",
    "disfluencies",
    "filler_words",
)
"""Measures that are missing together."""

SPOKEN = 0.5
"""A voice window with more speech than this counts as speaking."""

NO_CAMERA = "the camera was not used"
NO_FACE = "no face was seen"
NO_HANDS = "no hands were seen"
NO_VOICE = "no speech was heard"
NO_MICROPHONE = "the microphone was not used"
SILENT_MICROPHONE = "the microphone sent silence"
TOO_SHORT = "too short to say"
NO_TEXT = "no words were understood"
NOT_CALIBRATED = "the camera's direction was not yet known"
NO_QUESTION = "no question was asked"
NO_POINTS = "this question has no expected points"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the session that is measured."""

    start_us: int
    end_us: int
    asked: Asked | None = None

    @property
    def seconds(self) -> float:
        paused = self.asked.paused_us if self.asked else 0
        return max(0, self.end_us - self.start_us - paused) / MICROSECONDS

    def holds(self, start_us: int, end_us: int) -> bool:
        """By the middle, so that everything belongs to one stretch."""
        return self.start_us <= (start_us + end_us) // 2 < self.end_us


class Values:
    """Computes and collects the measures of one stretch."""

    def __init__(self, state: SessionState, stretch: Stretch, *, affect: bool) -> None:
        self._state = state
        self._stretch = stretch
        self._affect = affect
        self.values: dict[str, MeasureValue] = {}
        self._face = self._inside(state.face)
        self._gesture = self._inside(state.gesture)
        self._voice = self._inside(state.voice)
        self._voice_ends = np.array([window.end_us for window in self._voice])
        self.events = [e for e in state.events if stretch.holds(e.start_us, e.end_us)]
        self.words = [w for w in state.words if stretch.holds(w.start_us, w.end_us)]
        self._measure_face()
        self._measure_hands()
        self._measure_voice()
        self._measure_words()
        self._measure_answer()

    def number(self, measure: str) -> float | None:
        """The value of a measure; None when it was not seen."""
        found = self.values.get(measure)
        return found.value if found is not None and found.HasField("value") else None

    def _inside(self, windows: list[Window]) -> list[Window]:
        return [w for w in windows if self._stretch.holds(w.start_us, w.end_us)]

    def _events(self, name: str) -> list[Event]:
        return [event for event in self.events if event.type == name]

    # --- putting values down

    def _put(
        self,
        measure: str,
        value: float | None,
        *,
        error: float | None = None,
        seconds: float = 0.0,
        why: str = "",
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> None:
        entry = MEASURES[measure]
        if entry.affect and not self._affect:
            return
        made = MeasureValue(measure=measure, unit=entry.unit, seconds_observed=round(seconds, 2))
        if value is None:
            made.not_seen = why
        else:
            made.value = round(value, 3)
            if error is not None:
                made.low = round(max(bounds[0], value - Z95 * error), 3)
                made.high = round(min(bounds[1], value + Z95 * error), 3)
        self.values[measure] = made

    def _missing(self, measures: Iterable[str], why: str) -> None:
        for measure in measures:
            self._put(measure, None, why=why)

    def _share(self, measure: str, shares: list[float], seconds: float) -> None:
        """A share of time in percent, with its binomial error over independent looks."""
        mean = float(np.mean(shares))
        looks = max(1.0, seconds / CORRELATION_S)
        error = 100 * math.sqrt(max(mean * (1 - mean), 0.01) / looks)
        self._put(measure, 100 * mean, error=error, seconds=seconds, bounds=(0, 100))

    def _rate(self, measure: str, count: int, seconds: float) -> None:
        """Events a minute, with their Poisson error."""
        minutes = seconds / 60
        error = math.sqrt(max(count, 1)) / minutes
        self._put(measure, count / minutes, error=error, seconds=seconds, bounds=(0, math.inf))

    def _mean(self, measure: str, values: list[float], seconds: float) -> None:
        looks = max(1.0, seconds / CORRELATION_S)
        error = float(np.std(values)) / math.sqrt(looks)
        self._put(measure, float(np.mean(values)), error=error, seconds=seconds)

    # --- face

    def _measure_face(self) -> None:
        states = [w.body for w in self._face if isinstance(w.body, FaceState)]
        frames = sum(state.frames for state in states)
        with_face = sum(state.frames_with_face for state in states)
        analysed_s = _seconds(self._face)
        if not frames:
            self._missing((*FACE, "face_in_view"), NO_CAMERA)
            return
        self._share("face_in_view", [with_face / frames], analysed_s)
        seen_s = analysed_s * with_face / frames
        if seen_s < MIN_SECONDS:
            self._missing(FACE, NO_FACE if not with_face else TOO_SHORT)
            return
        for measure in ("smile", "frown"):
            shares = [getattr(state, measure) for state in states if state.HasField(measure)]
            self._share(measure, shares, seen_s)
        self._rate("blink_rate", len(self._events("blink")), seen_s)
        self._rate("nods", len(self._events("nod")), seen_s)
        self._rate("brief_movements", len(self._events("brief_movement")), seen_s)
        self._measure_gaze(seen_s)

    def _measure_gaze(self, seen_s: float) -> None:
        calibrated = [
            w
            for w in self._face
            if isinstance(w.body, FaceState) and w.body.HasField("eye_contact")
        ]
        speaking = [w for w in calibrated if self._speaking_at(w)] if self._voice else calibrated
        for measure, windows in (("eye_contact", speaking), ("looking_away", calibrated)):
            seconds = _seconds(windows)
            if seconds < MIN_SECONDS:
                self._put(measure, None, why=TOO_SHORT if calibrated else NOT_CALIBRATED)
            elif measure == "eye_contact":
                shares = [w.body.eye_contact for w in windows if isinstance(w.body, FaceState)]
                self._share(measure, shares, seconds)
            else:
                self._rate(measure, len(self._events("look_away")), seconds)

    def _speaking_at(self, window: Window) -> bool:
        middle = (window.start_us + window.end_us) // 2
        index = int(np.searchsorted(self._voice_ends, middle))
        if index >= len(self._voice):
            return False
        body = self._voice[index].body
        return isinstance(body, VoiceState) and body.speech > SPOKEN

    # --- hands

    def _measure_hands(self) -> None:
        states = [w.body for w in self._gesture if isinstance(w.body, GestureState)]
        if not states:
            self._missing((*HANDS, "self_touch", "hands_in_view"), NO_CAMERA)
            return
        analysed_s = _seconds(self._gesture)
        in_view = [min(1.0, state.hands) for state in states]
        self._share("hands_in_view", in_view, analysed_s)
        touches = [state.self_touch for state in states if state.HasField("self_touch")]
        if touches:
            self._share("self_touch", touches, analysed_s)
        else:
            self._put("self_touch", None, why=NO_FACE)
        seen_s = analysed_s * float(np.mean(in_view))
        if seen_s < MIN_SECONDS:
            self._missing(HANDS, NO_HANDS)
            return
        speeds = [state.movement for state in states if state.HasField("movement")]
        self._mean("movement", speeds, seen_s)
        self._rate("gesture_rate", len(self._events("stroke")), seen_s)
        self._rate("pointing", len(self._events("pointing")), seen_s)
        busy_s = sum(e.end_us - e.start_us for e in self._events("fidget")) / MICROSECONDS
        self._share("fidgeting", [min(1.0, busy_s / seen_s)], seen_s)

    # --- voice

    def _measure_voice(self) -> None:
        states = [w.body for w in self._voice if isinstance(w.body, VoiceState)]
        if not states:
            self._missing(VOICE, NO_MICROPHONE)
            return
        heard_s = _seconds(self._voice)
        speech_s = sum(state.speech for state in states) / len(states) * heard_s
        if speech_s < MIN_SECONDS:
            dead = all(state.digital_silence for state in states)
            why = SILENT_MICROPHONE if dead else NO_VOICE if speech_s < 0.5 else TOO_SHORT
            self._missing(VOICE, why)
            return
        pauses = self._events("pause")
        self._rate("pause_rate", len(pauses), speech_s)
        lengths = [(event.end_us - event.start_us) / MICROSECONDS for event in pauses]
        if lengths:
            self._mean("pause_mean", lengths, speech_s)
        else:
            self._put("pause_mean", None, why="there was no pause over 250 ms")
        self._rate("filled_pauses", len(self._events("filled_pause")), speech_s)
        self._rate("breaths", len(self._events("breath")), heard_s)
        self._share("phonation_ratio", [state.speech for state in states], heard_s)
        self._measure_pitch(states, speech_s)
        spoken = [state.loudness_dbfs for state in states if state.speech > SPOKEN]
        if spoken:
            self._mean("loudness", spoken, speech_s)
            self._put("loudness_variation", float(np.std(spoken)), seconds=speech_s)

    def _measure_pitch(self, states: list[VoiceState], speech_s: float) -> None:
        pitches = [state.f0_hz for state in states if state.HasField("f0_hz") and state.f0_hz > 0]
        if len(pitches) < 10:
            self._missing(("pitch_variation", "pitch_median"), TOO_SHORT)
            return
        median = float(np.median(pitches))
        semitones = 12 * np.log2(np.array(pitches) / median)
        # One window in an octave error would double the figure: the middle 90% count.
        low, high = np.percentile(semitones, [5, 95])
        kept = semitones[(semitones >= low) & (semitones <= high)]
        looks = max(2.0, speech_s / CORRELATION_S)
        spread = float(np.std(kept))
        self._put("pitch_median", median, seconds=speech_s)
        self._put(
            "pitch_variation",
            spread,
            error=spread / math.sqrt(2 * looks),
            seconds=speech_s,
            bounds=(0, math.inf),
        )

    # --- words

    def _measure_words(self) -> None:
        self._put("words", float(len(self.words)))
        if len(self.words) < MIN_WORDS:
            heard = any(isinstance(w.body, VoiceState) and w.body.speech > 0 for w in self._voice)
            why = NO_MICROPHONE if not self._voice else NO_TEXT if not heard else TOO_SHORT
            self._missing(WORDS, why)
            return
        seconds = _spoken_seconds(self.words)
        rate = len(self.words) / seconds * 60
        error = rate / math.sqrt(max(4.0, len(self.words) / 3))
        self._put("speech_rate", rate, error=error / 2, seconds=seconds)
        segments = [
            segment
            for segment in self._state.utterances.values()
            if segment.words
            and self._stretch.holds(segment.words[0].start_us, segment.words[-1].end_us)
        ]
        phonation = sum(segment.speech_seconds for segment in segments)
        if phonation > 1:
            syllables = sum(segment.syllables for segment in segments)
            self._put("articulation_rate", syllables / phonation, seconds=phonation)
        else:
            self._put("articulation_rate", None, why=TOO_SHORT)
        pauses = self._events("pause")
        self._put("mean_run", len(self.words) / (len(pauses) + 1), seconds=seconds)

    # --- the answer and its timing

    def _measure_answer(self) -> None:
        asked = self._stretch.asked
        first = self._first_speech_us()
        if first is None:
            self._put("answer_time", None, why=NO_MICROPHONE if not self._voice else NO_VOICE)
        else:
            self._put("answer_time", self._stretch.seconds)
        if asked is None:
            return
        if first is None:
            why = NO_MICROPHONE if not self._voice else NO_VOICE
            self._put("response_delay", None, why=why)
        else:
            self._put("response_delay", (first - asked.start_us) / MICROSECONDS)
        evaluation = asked.evaluation
        if evaluation is None or not evaluation.words:
            self._missing(ANSWER, NO_TEXT)
            return
        for measure in ("relevance", "completeness", "specificity", "ownership", "vagueness"):
            if evaluation.HasField(measure):
                self._put(measure, 100 * getattr(evaluation, measure))
            else:
                why = NO_POINTS if measure == "completeness" else TOO_SHORT
                self._put(measure, None, why=why)
        question = self._state.questions.get(asked.question_id)
        if question is not None and question.style == "behavioural":
            self._put("star_parts", float(len({part.part for part in evaluation.star})))
        if evaluation.words >= MIN_WORDS:
            kinds = [found.type for found in evaluation.disfluencies]
            fillers = kinds.count(DisfluencySpan.FILLER)
            breaks = kinds.count(DisfluencySpan.REPETITION) + kinds.count(DisfluencySpan.REPAIR)
            self._put("filler_words", 100 * fillers / evaluation.words)
            self._put("disfluencies", 100 * breaks / evaluation.words)
        else:
            self._missing(("filler_words", "disfluencies"), TOO_SHORT)

    def _first_speech_us(self) -> int | None:
        starts = [event.start_us for event in self._events("speech")]
        starts += [word.start_us for word in self.words[:1]]
        return max(min(starts), self._stretch.start_us) if starts else None


def _seconds(windows: list[Window]) -> float:
    """Media time of the windows. A window lasts from its first frame to its last; the step to
    the next belongs to it, unless that is a gap."""
    total = 0
    for window, following in zip_longest(windows, windows[1:]):
        length = window.end_us - window.start_us
        if following is not None:
            step = following.start_us - window.start_us
            length = step if step < 2 * max(length, MICROSECONDS // 5) else length
        total += length
    return total / MICROSECONDS


def _spoken_seconds(words: list[Word]) -> float:
    """From the first to the last word, without pauses over two seconds."""
    total = words[-1].end_us - words[0].start_us
    for before, after in pairwise(words):
        gap = after.start_us - before.end_us
        if gap > LONG_PAUSE_US:
            total -= gap
    return max(total, MICROSECONDS) / MICROSECONDS
