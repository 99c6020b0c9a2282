"""Checks a report's claims against the stream: each figure counted again from the signals.

Written apart from the aggregator and plainly, so that both are wrong only if both err alike:
it reads the messages themselves, in the time range that the evidence names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from google.protobuf.message import Message
from greenroom.v1.report_pb2 import Claim, Evidence, QuestionReport, Report, Suggestion
from greenroom.v1.session_pb2 import SessionEvent
from greenroom.v1.signals_pb2 import (
    AnswerEvaluation,
    DisfluencySpan,
    FaceEvent,
    GestureEvent,
    Signal,
    TranscriptSegment,
    VoiceEvent,
    Word,
)

SECOND = 1_000_000
ABSOLUTE, RELATIVE = 0.006, 0.02
"""How far a figure may be from the recount: rounding, and a window cut at the range's edge."""

GAP_US = 400_000
"""Windows further apart than this have a gap between them."""

STATES = ("face_state", "gesture_state", "voice_state")
LONGEST_LOSS_US = 40 * SECOND
"""Longer without any state before a connection's loss was noticed: nobody analysed."""

LEAST_SPEECH_S = 3.0
"""Less than this in a whole answer is a click or a cough: no voice was heard."""


def sentences(report: Report) -> Iterator[Claim | Suggestion]:
    """Everything that the report says of the candidate, overall and by question."""
    parts: list[Report | QuestionReport] = [report, *report.questions]
    for part in parts:
        yield from part.strengths
        yield from part.weaknesses
        yield from part.time_management
        yield from part.suggestions


class Witness:
    """What a stream of session events and signals says by itself."""

    def __init__(self, stream: Iterable[SessionEvent | Signal]) -> None:
        messages = list(stream)
        events = [message for message in messages if isinstance(message, SessionEvent)]
        self._signals = _once([message for message in messages if isinstance(message, Signal)])
        started = next(event for event in events if event.HasField("started"))
        self.origin_us = started.header.capture_time_us
        self._asked = [event for event in events if event.HasField("question_started")]
        self._pauses = _pauses(events) + self._lost(events)
        self._segments: dict[int, TranscriptSegment] = {}
        for signal in self._signals:
            if signal.HasField("transcript") and signal.transcript.final:
                self._segments[signal.transcript.utterance] = signal.transcript

    def upholds(self, claim: Claim | Suggestion) -> bool:
        """Every piece of its evidence holds, and there is some."""
        return bool(claim.evidence) and all(self.holds(evidence) for evidence in claim.evidence)

    def holds(self, evidence: Evidence) -> bool:
        """The value, the quote or the absence that the evidence names is in the stream."""
        start_us = self.origin_us + evidence.start_ms * 1000
        end_us = self.origin_us + evidence.end_ms * 1000
        if evidence.quote:
            said = _plain(self._said(start_us, end_us + 1000))
            return _plain(evidence.quote.split()) in said
        again = self.recount(evidence.measure, start_us, end_us)
        if not evidence.HasField("value"):
            return again is None or again < ABSOLUTE  # not seen, or none of it
        if again is None:
            return False
        return abs(again - evidence.value) <= ABSOLUTE + RELATIVE * abs(again)

    def recount(self, measure: str, start_us: int, end_us: int) -> float | None:
        """A measure over a range of time; None when nothing speaks of it."""
        count = _RECOUNTS.get(measure)
        return None if count is None else count(self, start_us, end_us)

    # --- reading the stream

    def windows(self, field: str, start_us: int, end_us: int) -> list[Signal]:
        found = [
            s
            for s in self._signals
            if s.HasField(field)  # type: ignore[arg-type]
            and self._inside(s, start_us, end_us)
        ]
        return sorted(found, key=lambda signal: signal.start_us)

    def events(self, field: str, kind: int, start_us: int, end_us: int) -> list[Signal]:
        return [s for s in self.windows(field, start_us, end_us) if getattr(s, field).type == kind]

    def words(self, start_us: int, end_us: int) -> list[Word]:
        return [
            word
            for number in sorted(self._segments)
            for word in self._segments[number].words
            if self._inside(word, start_us, end_us)
        ]

    def _inside(self, thing: Signal | Word, start_us: int, end_us: int) -> bool:
        middle = (thing.start_us + thing.end_us) // 2
        paused = any(start <= middle < end for start, end in self._pauses)
        return start_us <= middle < end_us and not paused

    def length_s(self, start_us: int, end_us: int) -> float:
        """Without what was paused, and without the connection's losses."""
        away, until = 0, start_us
        for start, end in sorted(self._pauses):
            away += max(0, min(end, end_us) - max(start, until))
            until = max(until, end)
        return (end_us - start_us - away) / SECOND

    def evaluation(self, start_us: int) -> AnswerEvaluation | None:
        """The last one of the question that was asked then."""
        of_id: dict[str, int] = {}
        for event in self._asked:
            question_id = event.question_started.question_id
            attempt = of_id.get(question_id, 0)
            of_id[question_id] = attempt + 1
            if abs(event.header.capture_time_us - start_us) <= 1000:
                found = [
                    s.answer
                    for s in self._signals
                    if s.HasField("answer")
                    and (s.answer.question_id, s.answer.attempt) == (question_id, attempt)
                ]
                return found[-1] if found else None
        return None

    def _lost(self, events: Sequence[SessionEvent]) -> list[tuple[int, int]]:
        """From the last media before a lost connection was noticed to the next one."""
        found: list[tuple[int, int]] = []
        noticed: int | None = None
        stood = False
        for event in events:
            at = event.header.capture_time_us
            if event.HasField("media_connected") and stood and noticed is None:
                noticed = at
            if event.HasField("media_disconnected") and stood and noticed is None:
                noticed = at
            elif noticed is not None and (
                event.HasField("media_connected") or event.HasField("ended")
            ):
                states = [s for s in self._signals if s.WhichOneof("body") in STATES]
                ends = [min(s.end_us, noticed) for s in states if s.start_us < noticed]
                last = max(ends, default=noticed)
                found.append((last if noticed - last < LONGEST_LOSS_US else noticed, at))
                noticed = None
            stood = stood or event.HasField("media_connected")
        return found

    def _said(self, start_us: int, end_us: int) -> list[str]:
        return [word.text for word in self.words(start_us, end_us)]

    def speech_s(self, start_us: int, end_us: int) -> float:
        voice = self.windows("voice_state", start_us, end_us)
        spoken = [s.voice_state.speech for s in voice]
        return float(np.mean(spoken)) * _length_s(voice) if voice else 0.0

    def hands_s(self, start_us: int, end_us: int) -> float:
        hands = self.windows("gesture_state", start_us, end_us)
        seen = [min(1.0, s.gesture_state.hands) for s in hands]
        return _length_s(hands) * float(np.mean(seen)) if seen else 0.0

    def first_speech_us(self, start_us: int, end_us: int) -> int | None:
        runs = self.events("voice_event", VoiceEvent.SPEECH, start_us, end_us)
        starts = [run.start_us for run in runs]
        starts += [word.start_us for word in self.words(start_us, end_us)]
        if not starts:
            voice = self.windows("voice_state", start_us, end_us)
            starts = [s.start_us for s in voice if s.voice_state.speech > 0.5]
        return max(start_us, min(starts)) if starts else None


def _once(signals: Sequence[Signal]) -> list[Signal]:
    """What comes twice was seen once, whoever said it."""
    found: dict[bytes, Signal] = {}
    for signal in signals:
        bare = Signal()
        bare.CopyFrom(signal)
        bare.ClearField("header")
        bare.ClearField("trace")
        found[bare.SerializeToString(deterministic=True)] = signal
    return list(found.values())


def _pauses(events: Sequence[SessionEvent]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    since: int | None = None
    for event in events:
        if event.HasField("paused") and since is None:
            since = event.header.capture_time_us
        elif since is not None and (event.HasField("resumed") or event.HasField("ended")):
            found.append((since, event.header.capture_time_us))
            since = None
    return found


def _length_s(windows: Sequence[Signal]) -> float:
    """Each window lasts until the next begins, or, before a gap, as long as it says."""
    total = 0
    for index, window in enumerate(windows):
        length = window.end_us - window.start_us
        if index + 1 < len(windows):
            step = windows[index + 1].start_us - window.start_us
            length = step if step < max(2 * length, GAP_US) else length
        total += length
    return total / SECOND


def _plain(words: Sequence[str]) -> str:
    bare = ("".join(c for c in word.lower() if c.isalnum()) for word in words)
    return " ".join(word for word in bare if word)


# --- the measures, each counted on its own

Recount = Callable[[Witness, int, int], float | None]


def _eye_contact(witness: Witness, start: int, end: int) -> float | None:
    voice = [s for s in witness.windows("voice_state", start, end) if s.voice_state.speech > 0.5]
    starts = np.array([s.start_us for s in voice])
    ends = np.array([s.end_us for s in voice])
    shares = []
    for face in witness.windows("face_state", start, end):
        middle = (face.start_us + face.end_us) // 2
        talking = bool(((starts <= middle) & (middle <= ends)).any())
        if talking and face.face_state.HasField("eye_contact"):
            shares.append(face.face_state.eye_contact)
    return 100 * float(np.mean(shares)) if shares else None


def _face_in_view(witness: Witness, start: int, end: int) -> float | None:
    states = [s.face_state for s in witness.windows("face_state", start, end)]
    frames = sum(state.frames for state in states)
    return 100 * sum(s.frames_with_face for s in states) / frames if frames else None


def _blink_rate(witness: Witness, start: int, end: int) -> float | None:
    share = _face_in_view(witness, start, end)
    seen_s = _length_s(witness.windows("face_state", start, end)) * (share or 0) / 100
    return _per_minute(witness.events("face_event", FaceEvent.BLINK, start, end), seen_s)


def _looking_away(witness: Witness, start: int, end: int) -> float | None:
    faces = witness.windows("face_state", start, end)
    seen_s = _length_s([f for f in faces if f.face_state.HasField("eye_contact")])
    return _per_minute(witness.events("face_event", FaceEvent.LOOK_AWAY, start, end), seen_s)


def _fidgeting(witness: Witness, start: int, end: int) -> float | None:
    seen_s = witness.hands_s(start, end)
    if not seen_s:
        return None
    # Marked on a raster of milliseconds, so that two hands at once count once.
    busy = np.zeros((end - start) // 1000 + 1, bool)
    for event in witness.events("gesture_event", GestureEvent.FIDGET, start, end):
        busy[max(0, event.start_us - start) // 1000 : (event.end_us - start) // 1000] = True
    return min(100.0, float(busy.sum()) / 10 / seen_s)


def _self_touch(witness: Witness, start: int, end: int) -> float | None:
    states = [s.gesture_state for s in witness.windows("gesture_state", start, end)]
    shares = [state.self_touch for state in states if state.HasField("self_touch")]
    return 100 * float(np.mean(shares)) if shares else None


def _hands_in_view(witness: Witness, start: int, end: int) -> float | None:
    states = [s.gesture_state for s in witness.windows("gesture_state", start, end)]
    return 100 * float(np.mean([min(1, state.hands) for state in states])) if states else None


def _speech_rate(witness: Witness, start: int, end: int) -> float | None:
    words = witness.words(start, end)
    if not words:
        return None
    spoken = words[-1].end_us - words[0].start_us
    gaps = [b.start_us - a.end_us for a, b in pairwise(words)]
    spoken -= sum(gap for gap in gaps if gap > 2 * SECOND)
    return len(words) / max(spoken, SECOND) * SECOND * 60


def _filled_pauses(witness: Witness, start: int, end: int) -> float | None:
    events = witness.events("voice_event", VoiceEvent.FILLED_PAUSE, start, end)
    return _per_minute(events, witness.speech_s(start, end))


def _pause_mean(witness: Witness, start: int, end: int) -> float | None:
    pauses = witness.events("voice_event", VoiceEvent.PAUSE, start, end)
    lengths = [(pause.end_us - pause.start_us) / SECOND for pause in pauses]
    return float(np.mean(lengths)) if lengths else None


def _pitch_variation(witness: Witness, start: int, end: int) -> float | None:
    voice = [s.voice_state for s in witness.windows("voice_state", start, end)]
    hz = np.array([v.f0_hz for v in voice if v.HasField("f0_hz") and v.f0_hz > 0])
    if not len(hz):
        return None
    semitones = 12 * np.log2(hz / np.median(hz))
    low, high = np.percentile(semitones, [5, 95])
    return float(np.std(semitones[(low <= semitones) & (semitones <= high)]))


def _loudness(witness: Witness, start: int, end: int) -> float | None:
    voice = [s.voice_state for s in witness.windows("voice_state", start, end)]
    levels = [v.loudness_dbfs for v in voice if v.speech > 0.5]
    return float(np.mean(levels)) if levels else None


def _phonation_ratio(witness: Witness, start: int, end: int) -> float | None:
    voice = witness.windows("voice_state", start, end)
    spoken = [s.voice_state.speech for s in voice]
    if witness.speech_s(start, end) < LEAST_SPEECH_S:
        return None
    return 100 * float(np.mean(spoken))


def _response_delay(witness: Witness, start: int, end: int) -> float | None:
    first = witness.first_speech_us(start, end)
    return None if first is None else witness.length_s(start, first)


def _answer_time(witness: Witness, start: int, end: int) -> float | None:
    silent = witness.first_speech_us(start, end) is None
    return None if silent else witness.length_s(start, end)


def _answer(field: str) -> Recount:
    def count(witness: Witness, start: int, _end: int) -> float | None:
        evaluation: Message | None = witness.evaluation(start)
        if evaluation is None or not evaluation.HasField(field):
            return None
        return 100 * float(getattr(evaluation, field))

    return count


def _star_parts(witness: Witness, start: int, _end: int) -> float | None:
    evaluation = witness.evaluation(start)
    return None if evaluation is None else float(len({part.part for part in evaluation.star}))


def _in_text(*kinds: DisfluencySpan.Type.ValueType) -> Recount:
    def count(witness: Witness, start: int, _end: int) -> float | None:
        evaluation = witness.evaluation(start)
        if evaluation is None or not evaluation.words:
            return None
        found = sum(span.type in kinds for span in evaluation.disfluencies)
        return 100 * found / evaluation.words

    return count


def _per_minute(events: Sequence[Signal], seconds: float) -> float | None:
    return 60 * len(events) / seconds if seconds else None


_RECOUNTS: dict[str, Recount] = {
    "answer_time": _answer_time,
    "blink_rate": _blink_rate,
    "completeness": _answer("completeness"),
    "disfluencies": _in_text(DisfluencySpan.REPETITION, DisfluencySpan.REPAIR),
    "eye_contact": _eye_contact,
    "face_in_view": _face_in_view,
    "fidgeting": _fidgeting,
    "filled_pauses": _filled_pauses,
    "filler_words": _in_text(DisfluencySpan.FILLER),
    "hands_in_view": _hands_in_view,
    "looking_away": _looking_away,
    "loudness": _loudness,
    "pause_mean": _pause_mean,
    "phonation_ratio": _phonation_ratio,
    "pitch_variation": _pitch_variation,
    "relevance": _answer("relevance"),
    "response_delay": _response_delay,
    "self_touch": _self_touch,
    "specificity": _answer("specificity"),
    "speech_rate": _speech_rate,
    "star_parts": _star_parts,
}
