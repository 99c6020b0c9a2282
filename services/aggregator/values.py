"""Measures of a stretch of the session, each with its interval, none of them invented."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable

import numpy as np
from greenroom.v1.report_pb2 import Evidence, MeasureValue
from greenroom.v1.signals_pb2 import DisfluencySpan, FaceState, GestureState, VoiceState

from services.aggregator import reasons
from services.aggregator.spans import Stretch, pauses_in_speech, spoken_seconds, union
from services.aggregator.spans import seconds as media_s
from services.aggregator.state import Asked, Event, SessionState, Window
from services.aggregator.triggers import SPOKEN
from services.runtime.measures import MEASURES
from services.runtime.media import MICROSECONDS

MIN_SECONDS = 3.0
"""Less than this of a face, a hand or a voice is too little to say anything."""

BRIEF = {"blink_rate": "blink", "nods": "nod", "brief_movements": "brief_movement"}
"""What is over within a few frames, by the event that is counted."""

MIN_EVENT_FPS = 9.0
"""Frames a second under which those are not counted: at 10 the detectors find every blink of
100 ms, at 7.5 three of four, at 5 half of them and no nodding at all."""

MIN_RATE_SECONDS = 10.0
"""Events a minute need more: one blink in three seconds is not twenty a minute."""

MIN_WORDS = 8
MIN_PHONATION_S = 1.0
"""For the articulation rate."""

MIN_PAUSES = 3
"""Fewer tell their mean length, but not how sure that is."""

MIN_WINDOWS = 10
"""Of voice, for its pitch and loudness: two seconds."""

Z95 = 1.96
CORRELATION_S = 2.0
"""Neighbouring windows are alike: this many seconds count as one independent look."""

UNKNOWN = math.inf
"""The standard error of a value that too few looks give: nothing is concluded from it."""

# Measures that are missing together.
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
ANSWER = ("relevance", "completeness", "specificity", "ownership", "vagueness")
TEXT = ("disfluencies", "filler_words")

TIMED = ("answer_time", "response_delay")
PER_ANSWER = (*ANSWER, *TEXT, "star_parts", *TIMED)
"""Measures of one answer: of the whole interview they are the answers' mean."""


class Values:
    """Computes and collects the measures of one stretch."""

    def __init__(self, state: SessionState, stretch: Stretch) -> None:
        self.stretch = stretch
        self.values: dict[str, MeasureValue] = {}
        self.parts: list[Values] = []
        """For a whole interview: its answers."""
        self.origin_us = state.started_us or 0
        """Where the session's milliseconds begin."""
        self._errors: dict[str, float] = {}
        self._state = state
        self._face = stretch.inside(state.face)
        self._gesture = stretch.inside(state.gesture)
        self._voice = stretch.inside(state.voice)
        spoken = [window for window in self._voice if _is_spoken(window)]
        self._spoken_starts = np.array([window.start_us for window in spoken])
        self._spoken_until = np.maximum.accumulate([0, *(window.end_us for window in spoken)])
        """By how many windows of speech have begun: the latest end of them."""
        self.events = stretch.inside(state.events)
        self.words = stretch.inside(state.words)
        self._measure_face()
        self._measure_hands()
        self._measure_voice()
        self._measure_words()
        if stretch.asked is not None:
            self._measure_answer(stretch.asked)

    def take_answers(self, parts: list[Values]) -> None:
        """The measures of single answers, as their mean: of what was said weighted by words,
        of times plain."""
        self.parts = parts
        for measure in PER_ANSWER:
            rated = [
                (value, 1 if measure in TIMED else max(1, len(part.words)))
                for part in parts
                if (value := part.number(measure)) is not None
            ]
            if rated:
                total = sum(weight for _, weight in rated)
                mean = sum(value * weight for value, weight in rated) / total
                if measure in TEXT:
                    self._per_words(measure, mean, total)
                else:
                    self._put(measure, mean)
            else:
                # A question that was passed over says nothing of what the others lack.
                heard = [part for part in parts if part.words] or parts
                why = heard[0].values[measure].not_seen if heard else reasons.NO_QUESTION
                self._put(measure, None, why=why)

    @property
    def suited_length(self) -> bool:
        """A question says how long its answer should be: timing.py judges by that."""
        asked = self.stretch.asked
        question = self._state.questions.get(asked.question_id) if asked else None
        return bool(question and question.seconds) or any(p.suited_length for p in self.parts)

    @property
    def heard_at_all(self) -> bool:
        """Whether there was a voice at any time of the session: its microphone works."""
        spoken = [window for window in self._state.voice if _is_spoken(window)]
        return media_s(spoken) >= MIN_SECONDS

    def evidence(self, measure: str) -> list[Evidence]:
        """Where a measure's value comes from: of an answer's measure each answer; empty when
        it was not seen. Times in milliseconds of the session."""
        if self.parts and measure in PER_ANSWER:
            return [evidence for part in self.parts for evidence in part.evidence(measure)]
        found = self.values.get(measure)
        if found is None or not found.HasField("value"):
            return []
        made = self.looked(measure)
        made.value = found.value
        if found.HasField("low"):
            made.low, made.high = found.low, found.high
        return [made]

    def looked(self, measure: str) -> Evidence:
        """Where a measure was looked for, whether or not it was seen."""
        return Evidence(
            start_ms=(self.stretch.start_us - self.origin_us) // 1000,
            end_ms=(self.stretch.end_us - self.origin_us) // 1000,
            measure=measure,
        )

    def error(self, measure: str) -> float | None:
        """The value's standard error; None when it has no interval of its own, UNKNOWN when it
        should have one."""
        return self._errors.get(measure)

    def number(self, measure: str) -> float | None:
        """The value of a measure; None when it was not seen."""
        found = self.values.get(measure)
        return found.value if found is not None and found.HasField("value") else None

    def _events(self, name: str) -> list[Event]:
        """Those that count."""
        if name == "pause":
            return pauses_in_speech(self.events, self.stretch, self._state.asked)
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
        unit = MEASURES[measure].unit
        made = MeasureValue(measure=measure, unit=unit, seconds_observed=round(seconds, 2))
        if value is None:
            made.not_seen = why
        else:
            made.value = round(value, 3)
            if error is not None:
                self._errors[measure] = error
            if error is not None and error != UNKNOWN:
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

    def _rate(self, measure: str, event: str, seconds: float) -> None:
        """Events a minute, with their Poisson error."""
        if seconds < MIN_RATE_SECONDS:
            self._put(measure, None, seconds=seconds, why=reasons.TOO_SHORT)
            return
        count = len(self._events(event))
        minutes = seconds / 60
        error = math.sqrt(max(count, 1)) / minutes
        self._put(measure, count / minutes, error=error, seconds=seconds, bounds=(0, math.inf))

    def _per_words(self, measure: str, value: float, words: int) -> None:
        """A count in a hundred words, with its Poisson error."""
        error = 100 * math.sqrt(max(value * words / 100, 1)) / words
        self._put(measure, value, error=error, bounds=(0, math.inf))

    def _mean(self, measure: str, values: list[float], seconds: float) -> None:
        looks = max(1.0, seconds / CORRELATION_S)
        error = float(np.std(values)) / math.sqrt(looks)
        self._put(measure, float(np.mean(values)), error=error, seconds=seconds)

    # --- face

    def _measure_face(self) -> None:
        states = [w.body for w in self._face if isinstance(w.body, FaceState)]
        frames = sum(state.frames for state in states)
        with_face = sum(state.frames_with_face for state in states)
        analysed_s = media_s(self._face)
        if not frames:
            self._missing((*FACE, "face_in_view"), reasons.no_picture(self._state))
            return
        self._share("face_in_view", [with_face / frames], analysed_s)
        seen_s = analysed_s * with_face / frames
        if seen_s < MIN_SECONDS:
            self._missing(FACE, reasons.NO_FACE if not with_face else reasons.TOO_SHORT)
            return
        for measure in ("smile", "frown"):
            shares = [getattr(state, measure) for state in states if state.HasField(measure)]
            if shares:
                self._share(measure, shares, seen_s)
            else:
                self._put(measure, None, why=reasons.TOO_SHORT)
        if frames < MIN_EVENT_FPS * analysed_s:
            self._missing(BRIEF, reasons.FEW_FRAMES)
        else:
            for measure, event in BRIEF.items():
                self._rate(measure, event, seen_s)
        self._measure_gaze()

    def _measure_gaze(self) -> None:
        calibrated = [
            w
            for w in self._face
            if isinstance(w.body, FaceState) and w.body.HasField("eye_contact")
        ]
        speaking = [w for w in calibrated if self._speaking_at(w)]
        seconds = media_s(speaking)
        if seconds < MIN_SECONDS:
            why = (self._no_voice() or reasons.TOO_SHORT) if calibrated else reasons.NOT_CALIBRATED
            self._put("eye_contact", None, why=why)
        else:
            shares = [w.body.eye_contact for w in speaking if isinstance(w.body, FaceState)]
            self._share("eye_contact", shares, seconds)
        if calibrated:
            self._rate("looking_away", "look_away", media_s(calibrated))
        else:
            self._put("looking_away", None, why=reasons.NOT_CALIBRATED)

    def _speaking_at(self, window: Window) -> bool:
        """Whether a window of speech holds this one's middle."""
        middle = (window.start_us + window.end_us) // 2
        begun = np.searchsorted(self._spoken_starts, middle, side="right")
        return bool(self._spoken_until[begun] >= middle)

    # --- hands

    def _measure_hands(self) -> None:
        states = [w.body for w in self._gesture if isinstance(w.body, GestureState)]
        if not states:
            self._missing((*HANDS, "self_touch", "hands_in_view"), reasons.no_picture(self._state))
            return
        analysed_s = media_s(self._gesture)
        in_view = [min(1.0, state.hands) for state in states]
        self._share("hands_in_view", in_view, analysed_s)
        touches = [state.self_touch for state in states if state.HasField("self_touch")]
        if touches:
            self._share("self_touch", touches, analysed_s)
        else:
            self._put("self_touch", None, why=reasons.NO_FACE)
        seen_s = analysed_s * float(np.mean(in_view))
        if seen_s < MIN_SECONDS:
            self._missing(HANDS, reasons.NO_HANDS)
            return
        speeds = [state.movement for state in states if state.HasField("movement")]
        if speeds:
            self._mean("movement", speeds, seen_s)
        else:
            self._put("movement", None, why=reasons.TOO_SHORT)
        self._rate("gesture_rate", "stroke", seen_s)
        self._rate("pointing", "pointing", seen_s)
        if seen_s < MIN_RATE_SECONDS:
            self._put("fidgeting", None, seconds=seen_s, why=reasons.TOO_SHORT)
            return
        first_us, last_us = self.stretch.start_us, self.stretch.end_us
        busy_us = union(
            (max(event.start_us, first_us), min(event.end_us, last_us))
            for event in self._events("fidget")
        )
        self._share("fidgeting", [min(1.0, busy_us / MICROSECONDS / seen_s)], seen_s)

    # --- voice

    def _no_voice(self) -> str:
        """Why there is no speech; empty when there is."""
        states = [w.body for w in self._voice if isinstance(w.body, VoiceState)]
        if not states:
            return reasons.no_sound(self._state)
        if any(state.speech > SPOKEN for state in states):
            return ""
        return (
            reasons.SILENT_MICROPHONE
            if all(s.digital_silence for s in states)
            else reasons.NO_VOICE
        )

    def _measure_voice(self) -> None:
        states = [w.body for w in self._voice if isinstance(w.body, VoiceState)]
        heard_s = media_s(self._voice)
        speech_s = float(np.mean([state.speech for state in states])) * heard_s if states else 0.0
        if speech_s < MIN_SECONDS:
            self._missing(VOICE, self._no_voice() or reasons.TOO_SHORT)
            return
        pauses = self._events("pause")
        self._rate("pause_rate", "pause", speech_s)
        lengths = [(event.end_us - event.start_us) / MICROSECONDS for event in pauses]
        if lengths:
            few = len(lengths) < MIN_PAUSES
            error = UNKNOWN if few else float(np.std(lengths, ddof=1)) / math.sqrt(len(lengths))
            mean = float(np.mean(lengths))
            self._put("pause_mean", mean, error=error, seconds=speech_s, bounds=(0, math.inf))
        else:
            self._put("pause_mean", None, why=reasons.NO_PAUSE)
        self._rate("filled_pauses", "filled_pause", speech_s)
        self._rate("breaths", "breath", heard_s)
        self._share("phonation_ratio", [state.speech for state in states], heard_s)
        self._measure_pitch(states, speech_s)
        self._measure_loudness(states, speech_s)

    def _measure_loudness(self, states: list[VoiceState], speech_s: float) -> None:
        spoken = [state.loudness_dbfs for state in states if state.speech > SPOKEN]
        if len(spoken) < MIN_WINDOWS:
            self._missing(("loudness", "loudness_variation"), reasons.TOO_SHORT)
            return
        self._mean("loudness", spoken, speech_s)
        if any(e.detail == "automatic_gain" for e in self._state.events if e.type == "level"):
            self._put("loudness_variation", None, why=reasons.AUTOMATIC_GAIN)
        else:
            self._put("loudness_variation", float(np.std(spoken)), seconds=speech_s)

    def _measure_pitch(self, states: list[VoiceState], speech_s: float) -> None:
        pitches = [state.f0_hz for state in states if state.HasField("f0_hz") and state.f0_hz > 0]
        if len(pitches) < MIN_WINDOWS:
            self._missing(("pitch_variation", "pitch_median"), reasons.TOO_SHORT)
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
        unheard = "" if self.words else self._no_voice()
        self._put("words", None if unheard else float(len(self.words)), why=unheard)
        if len(self.words) < MIN_WORDS:
            self._missing(WORDS, unheard or (reasons.TOO_SHORT if self.words else reasons.NO_TEXT))
            return
        seconds = spoken_seconds(self.words)
        rate = len(self.words) / seconds * 60
        error = rate / math.sqrt(max(4.0, len(self.words) / 3))
        self._put("speech_rate", rate, error=error / 2, seconds=seconds)
        segments = [
            segment
            for segment in self._state.utterances.values()
            if segment.words
            and self.stretch.holds(segment.words[0].start_us, segment.words[-1].end_us)
        ]
        phonation = sum(segment.speech_seconds for segment in segments)
        if phonation >= MIN_PHONATION_S:
            syllables = sum(segment.syllables for segment in segments)
            self._put("articulation_rate", syllables / phonation, seconds=phonation)
        else:
            self._put("articulation_rate", None, why=reasons.TOO_SHORT)
        runs = len(self._events("pause")) + self._answers_with_words()
        self._put("mean_run", len(self.words) / runs, seconds=seconds)

    def _answers_with_words(self) -> int:
        """A run of words ends with its answer: the silence until the next one is no pause."""
        starts = [asked.start_us for asked in self._state.asked]
        return len({bisect_right(starts, (w.start_us + w.end_us) // 2) for w in self.words})

    # --- the answer and its timing

    def _measure_answer(self, asked: Asked) -> None:
        first = self._first_speech_us()
        unheard = (self._no_voice() or reasons.TOO_SHORT) if first is None else ""
        self._put("answer_time", None if unheard else self.stretch.seconds, why=unheard)
        delay = None if first is None else self._delay_s(asked, first)
        self._put("response_delay", delay, why=unheard)
        evaluation = asked.evaluation
        if evaluation is None or not evaluation.words:
            self._missing((*ANSWER, *TEXT, "star_parts"), unheard or reasons.NO_TEXT)
            return
        absent = {"completeness": reasons.NO_POINTS, "ownership": reasons.NO_PRONOUN}
        for measure in ANSWER:
            if evaluation.HasField(measure):  # type: ignore[arg-type]
                self._put(measure, 100 * getattr(evaluation, measure))
            else:
                self._put(measure, None, why=absent.get(measure, reasons.TOO_SHORT))
        if evaluation.words < MIN_WORDS:
            self._missing((*TEXT, "star_parts"), reasons.TOO_SHORT)
            return
        question = self._state.questions.get(asked.question_id)
        story = question is not None and question.style == "behavioural"
        parts = float(len({part.part for part in evaluation.star}))
        self._put("star_parts", parts if story else None, why=reasons.NO_STORY)
        kinds = [found.type for found in evaluation.disfluencies]
        fillers = kinds.count(DisfluencySpan.FILLER)
        breaks = kinds.count(DisfluencySpan.REPETITION) + kinds.count(DisfluencySpan.REPAIR)
        self._per_words("filler_words", 100 * fillers / evaluation.words, evaluation.words)
        self._per_words("disfluencies", 100 * breaks / evaluation.words, evaluation.words)

    def _delay_s(self, asked: Asked, first_us: int) -> float:
        """From the question to the first speech, without what was paused between."""
        before = Stretch(asked.start_us, max(first_us, asked.start_us), pauses=self.stretch.pauses)
        return before.seconds

    def _first_speech_us(self) -> int | None:
        starts = [event.start_us for event in self._events("speech")]
        starts += [word.start_us for word in self.words]
        if not starts:  # one run of speech, most of it in another answer
            starts = [w.start_us for w in self._voice if _is_spoken(w)][:1]
        return max(min(starts), self.stretch.start_us) if starts else None


def _is_spoken(window: Window) -> bool:
    return isinstance(window.body, VoiceState) and window.body.speech > SPOKEN
