"""The report: a function of the folded session, and of nothing else."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

from google.protobuf.json_format import MessageToJson
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import (
    Claim,
    Coverage,
    Evidence,
    HintRecord,
    Moment,
    QuestionReport,
    Report,
    ReportWord,
    Score,
    Series,
)
from greenroom.v1.signals_pb2 import Accounting, FaceState, GestureState, VoiceState, Word

from services.aggregator import claims
from services.aggregator.scores import scores
from services.aggregator.state import Asked, Event, SessionState, Window
from services.aggregator.values import (
    NO_CAMERA,
    NO_FACE,
    NO_HANDS,
    NO_MICROPHONE,
    NO_VOICE,
    SILENT_MICROPHONE,
    SPOKEN,
    Stretch,
    Values,
)
from services.runtime.measures import MEASURES
from services.runtime.media import MICROSECONDS

VERSION = 1

BASELINE_US = 60 * MICROSECONDS
"""The person's own first minute, which stress signs and confidence compare with."""

SERIES_STEP_US = MICROSECONDS
"""One point a second is as much as a plot can show."""

AFFECT_MOMENTS = {"smile", "frown", "brief_movement"}
COVERAGE_KINDS = (
    Kind.KIND_GATEWAY_VIDEO,
    Kind.KIND_GATEWAY_AUDIO,
    Kind.KIND_FACE,
    Kind.KIND_GESTURE,
    Kind.KIND_VOICE,
    Kind.KIND_ANSWERS,
)


def write(state: SessionState, *, affect: bool) -> Report:
    """The report of a session that has ended. The same stream gives the same report."""
    start_us = state.started_us or 0
    end_us = max(state.ended_us or 0, start_us)
    whole = Stretch(_first_us(state, start_us), max(end_us, start_us + 1))
    overall = Values(state, whole, affect=affect)
    baseline = _baseline(state, whole, affect=affect)
    questions = [
        _question(state, asked, start_us, end_us, baseline, affect=affect) for asked in state.asked
    ]
    report = Report(
        version=VERSION,
        session_id=state.session_id,
        started_us=start_us,
        duration_ms=(end_us - start_us) // 1000,
        affect=affect,
        coverage=_coverage(state),
        questions=questions,
        measures=[overall.values[name] for name in MEASURES if name in overall.values],
        scores=_overall_scores(overall, whole, start_us, baseline, questions, affect=affect),
        strengths=claims.strengths(overall, whole, start_us),
        weaknesses=claims.weaknesses(overall, whole, start_us),
        time_management=_time_management(state, questions),
        suggestions=claims.suggestions(overall, whole, start_us),
        hints=[
            HintRecord(hint=hint, time_ms=(hint.header.capture_time_us - start_us) // 1000)
            for hint in state.hints
        ],
        series=_series(state, whole, start_us, affect=affect),
        moments=_moments(state.events, start_us, affect=affect),
    )
    for record in report.hints:
        # The wall clock of a decision is no part of what happened.
        record.hint.ClearField("decided_us")
    return report


def to_json(report: Report) -> str:
    """Canonical: the same report gives the same bytes."""
    return MessageToJson(report, preserving_proto_field_name=True, sort_keys=True, indent=1) + "\n"


def _first_us(state: SessionState, start_us: int) -> int:
    """Where the interview begins: with its first question, or else with its first media."""
    if state.asked:
        return state.asked[0].start_us
    starts = [w[0].start_us for w in (state.face, state.gesture, state.voice) if w]
    return min(starts, default=start_us)


def _baseline(state: SessionState, whole: Stretch, *, affect: bool) -> Values | None:
    """Of the first minute; None for a session that is hardly longer."""
    if whole.end_us - whole.start_us < 2 * BASELINE_US:
        return None
    first = Stretch(whole.start_us, whole.start_us + BASELINE_US)
    return Values(state, first, affect=affect)


def _question(
    state: SessionState,
    asked: Asked,
    start_us: int,
    session_end_us: int,
    baseline: Values | None,
    *,
    affect: bool,
) -> QuestionReport:
    stretch = Stretch(asked.start_us, asked.end_us or session_end_us, asked)
    values = Values(state, stretch, affect=affect)
    question = state.questions.get(asked.question_id)
    made = QuestionReport(
        question_id=asked.question_id,
        text=question.text if question else "",
        attempt=asked.attempt,
        start_ms=(stretch.start_us - start_us) // 1000,
        end_ms=(stretch.end_us - start_us) // 1000,
        share_of_interview=round(_share(state, stretch, session_end_us), 4),
        words=[_word(word, start_us) for word in values.words],
        measures=[values.values[name] for name in MEASURES if name in values.values],
        scores=scores(values, stretch, start_us, baseline, affect=affect),
        answer=asked.evaluation,
        moments=_moments(values.events, start_us, affect=affect),
        notes=[claims.claim(finding, stretch, start_us) for finding in claims.findings(values)[:4]],
    )
    delay = values.number("response_delay")
    if delay is not None:
        made.response_delay_ms = round(delay * 1000)
    return made


def _share(state: SessionState, stretch: Stretch, session_end_us: int) -> float:
    total = sum(
        Stretch(asked.start_us, asked.end_us or session_end_us, asked).seconds
        for asked in state.asked
    )
    return stretch.seconds / total if total else 0.0


def _word(word: Word, start_us: int) -> ReportWord:
    return ReportWord(
        text=word.text,
        start_ms=(word.start_us - start_us) // 1000,
        end_ms=(word.end_us - start_us) // 1000,
        filler=word.filler,
    )


def _overall_scores(
    overall: Values,
    whole: Stretch,
    start_us: int,
    baseline: Values | None,
    questions: list[QuestionReport],
    *,
    affect: bool,
) -> list[Score]:
    """As per question; the answers' quality is the mean of the questions', by their words."""
    made = [
        score
        for score in scores(overall, whole, start_us, baseline, affect=affect)
        if score.score != "answer_quality"
    ]
    rated = [
        (score, max(1, len(question.words)))
        for question in questions
        for score in question.scores
        if score.score == "answer_quality" and score.HasField("value")
    ]
    quality = Score(score="answer_quality")
    if rated:
        total = sum(weight for _, weight in rated)
        quality.value = round(sum(score.value * weight for score, weight in rated) / total, 1)
        quality.low = round(sum(score.low * weight for score, weight in rated) / total, 1)
        quality.high = round(sum(score.high * weight for score, weight in rated) / total, 1)
        for score, _ in rated:
            quality.evidence.extend(score.evidence)
    else:
        quality.not_seen = "no answer was understood"
    return [*made, quality]


# --- what was seen


def _coverage(state: SessionState) -> list[Coverage]:
    totals: dict[Kind.ValueType, Accounting] = defaultdict(Accounting)
    for (kind, _), account in sorted(state.accounting.items()):
        total = totals[kind]
        total.received += account.received
        total.processed += account.processed
        total.pending += account.pending
        total.final |= account.final
        for reason, count in account.dropped.items():
            total.dropped[reason] += count
    made = []
    for kind in COVERAGE_KINDS:
        seen, share, note = _seen(state, kind)
        made.append(
            Coverage(
                kind=kind, seen=seen, note=note, share=round(share, 4), accounting=totals.get(kind)
            )
        )
    return made


def _seen(state: SessionState, kind: Kind.ValueType) -> tuple[bool, float, str]:
    """(seen, share of what was analysed, a word for the candidate when something is missing)."""
    match kind:
        case Kind.KIND_FACE:
            states = [w.body for w in state.face if isinstance(w.body, FaceState)]
            frames = sum(s.frames for s in states)
            share = sum(s.frames_with_face for s in states) / frames if frames else 0.0
            if not frames:
                return False, 0.0, _sentence(NO_CAMERA, "nothing is said about your face")
            if not share:
                return False, 0.0, _sentence(NO_FACE, "nothing is said about it")
            lost = [e for e in state.events if e.type == "face_lost"]
            note = f"Your face was out of view {len(lost)} time(s)." if lost else ""
            return True, share, note
        case Kind.KIND_GESTURE:
            gestures = [w.body for w in state.gesture if isinstance(w.body, GestureState)]
            if not gestures:
                return False, 0.0, _sentence(NO_CAMERA, "nothing is said about your hands")
            share = sum(min(1.0, g.hands) for g in gestures) / len(gestures)
            note = "" if share else _sentence(NO_HANDS, "nothing is said about them")
            return share > 0, share, note
        case Kind.KIND_VOICE:
            voices = [w.body for w in state.voice if isinstance(w.body, VoiceState)]
            if not voices:
                return False, 0.0, _sentence(NO_MICROPHONE, "nothing is said about your voice")
            share = sum(v.speech for v in voices) / len(voices)
            if share > 0.005:
                return True, share, ""
            dead = all(v.digital_silence for v in voices)
            why = SILENT_MICROPHONE if dead else NO_VOICE
            return False, share, _sentence(why, "nothing is said about your voice")
        case Kind.KIND_ANSWERS:
            note = "" if state.words else "No words were understood: nothing is said about answers."
            return bool(state.words), float(bool(state.words)), note
        case Kind.KIND_GATEWAY_VIDEO:
            return state.video_connected, float(state.video_connected), ""
        case _:
            return state.audio_connected, float(state.audio_connected), ""


def _sentence(why: str, then: str) -> str:
    return f"{why[0].upper()}{why[1:]}: {then}."


def _moments(events: list[Event], start_us: int, *, affect: bool) -> list[Moment]:
    return [
        Moment(
            start_ms=(event.start_us - start_us) // 1000,
            end_ms=(event.end_us - start_us) // 1000,
            type=event.type,
            detail=event.detail,
            confidence=round(event.confidence, 3),
        )
        for event in sorted(events, key=lambda e: (e.start_us, e.type, e.end_us, e.detail))
        if affect or event.type not in AFFECT_MOMENTS
    ]


# --- time


def _time_management(state: SessionState, questions: list[QuestionReport]) -> list[Claim]:
    made = []
    for number, question in enumerate(questions, 1):
        seconds = (question.end_ms - question.start_ms) / 1000
        asked = state.questions.get(question.question_id)
        wanted = asked.seconds if asked else 0
        text = f"Question {number}: {seconds:.0f} seconds"
        if len(questions) > 1:
            text += f", {100 * question.share_of_interview:.0f}% of the interview"
        if wanted:
            text += f"; about {wanted} seconds suit it"
        if question.HasField("response_delay_ms"):
            text += f". You began after {question.response_delay_ms / 1000:.1f} seconds"
        made.append(
            Claim(
                id=f"time-{number}",
                text=text + ".",
                evidence=[
                    Evidence(
                        start_ms=question.start_ms,
                        end_ms=question.end_ms,
                        measure="answer_time",
                        value=round(seconds, 3),
                    )
                ],
            )
        )
    return made


# --- plots

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


def _series(state: SessionState, whole: Stretch, start_us: int, *, affect: bool) -> list[Series]:
    """One point a second; seconds in which a thing was not seen are left out."""
    windows = {
        Kind.KIND_FACE: state.face,
        Kind.KIND_GESTURE: state.gesture,
        Kind.KIND_VOICE: state.voice,
    }
    made = [
        _line(measure, windows[kind], whole, start_us, read)
        for measure, (kind, read) in READERS.items()
        if affect or not MEASURES[measure].affect
    ]
    made.append(_pace(state.words, whole, start_us))
    return [series for series in made if series.value]


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
    series = Series(measure=measure, unit=MEASURES[measure].unit)
    seconds: dict[int, list[float]] = defaultdict(list)
    for window in windows:
        value = read(window)
        if value is not None and whole.holds(window.start_us, window.end_us):
            seconds[(window.start_us - start_us) // SERIES_STEP_US].append(value)
    for second, values in sorted(seconds.items()):
        series.time_ms.append(second * SERIES_STEP_US // 1000)
        series.value.append(round(sum(values) / len(values), 2))
    return series


def _pace(words: list[Word], whole: Stretch, start_us: int) -> Series:
    """Words a minute over the last ten seconds, where there were any."""
    series = Series(measure="speech_rate", unit=MEASURES["speech_rate"].unit)
    starts = [word.start_us for word in words]
    for at_us in range(whole.start_us + PACE_WINDOW_US, whole.end_us, SERIES_STEP_US):
        count = bisect_left(starts, at_us) - bisect_left(starts, at_us - PACE_WINDOW_US)
        if count:
            series.time_ms.append((at_us - start_us) // 1000)
            series.value.append(round(count * 60 * MICROSECONDS / PACE_WINDOW_US, 1))
    return series
