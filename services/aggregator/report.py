"""The report: a function of the folded session and the person's past reports alone."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson
from greenroom.v1.report_pb2 import (
    Baseline,
    HintRecord,
    Moment,
    QuestionReport,
    Report,
    ReportWord,
)
from greenroom.v1.signals_pb2 import Word

from services.aggregator import claims, history, timing
from services.aggregator.affect import without_affect
from services.aggregator.coverage import coverage
from services.aggregator.scores import scores
from services.aggregator.series import series
from services.aggregator.spans import Stretch
from services.aggregator.state import Asked, Event, SessionState
from services.aggregator.values import Values
from services.aggregator.wording import numbers
from services.runtime.measures import MEASURES

VERSION = 1


def write(state: SessionState, *, affect: bool, earlier: Sequence[Report] = ()) -> Report:
    """The report of a session that has ended. The same stream and the same earlier reports of
    the candidate give the same report."""
    start_us = state.started_us or 0
    end_us = max(state.now_us if state.ended_us is None else state.ended_us, start_us)
    pauses = tuple(state.away)
    whole = Stretch(_first_us(state, start_us), max(end_us, start_us + 1), pauses=pauses)
    answers = [
        Values(state, Stretch(asked.start_us, asked.end_us or end_us, asked, pauses))
        for asked in state.asked
    ]
    overall = Values(state, whole)
    overall.take_answers(answers)
    minute = history.first_minute(whole)
    own = history.baseline(Values(state, minute) if minute else None, earlier)
    total_s = sum(answer.stretch.seconds for answer in answers)
    numbered = numbers(asked.question_id for asked in state.asked)
    questions = [
        _question(state, number, asked, answer, total_s, own)
        for number, asked, answer in zip(numbered, state.asked, answers, strict=True)
    ]
    report = Report(
        version=VERSION,
        session_id=state.session_id,
        started_us=start_us,
        duration_ms=(end_us - start_us) // 1000,
        practised_ms=round(1000 * whole.seconds),
        affect=True,
        coverage=coverage(state, whole),
        questions=questions,
        measures=[overall.values[name] for name in MEASURES if name in overall.values],
        scores=scores(overall, own),
        strengths=claims.strengths(overall),
        weaknesses=claims.weaknesses(overall),
        time_management=[
            *timing.of_interview(numbered, answers),
            *(claim for question in questions for claim in question.time_management),
        ],
        suggestions=claims.suggestions(overall),
        hints=[
            HintRecord(hint=hint, time_ms=(hint.header.capture_time_us - start_us) // 1000)
            for hint in state.hints
            if hint.hint_id in state.shown
        ],
        series=series(state, whole, start_us),
        moments=_moments(overall.events, start_us),
        baseline=own,
        usual_scores=scores(overall, Baseline()),
    )
    for record in report.hints:
        # The wall clock of a decision is no part of what happened.
        record.hint.ClearField("decided_us")
    return report if affect else without_affect(report)


def to_json(report: Report) -> str:
    """Canonical: the same report gives the same bytes."""
    return MessageToJson(report, preserving_proto_field_name=True, sort_keys=True, indent=1) + "\n"


def _first_us(state: SessionState, start_us: int) -> int:
    """Where the interview begins: with its first question, or else with its first media."""
    if state.asked:
        return state.asked[0].start_us
    starts = [w[0].start_us for w in (state.face, state.gesture, state.voice) if w]
    return min(starts, default=start_us)


def _question(
    state: SessionState,
    number: int,
    asked: Asked,
    answer: Values,
    total_s: float,
    own: Baseline,
) -> QuestionReport:
    question = state.questions.get(asked.question_id)
    made = QuestionReport(
        question_id=asked.question_id,
        text=question.text if question else "",
        attempt=asked.attempt,
        start_ms=(answer.stretch.start_us - answer.origin_us) // 1000,
        end_ms=(answer.stretch.end_us - answer.origin_us) // 1000,
        share_of_interview=round(answer.stretch.seconds / total_s, 4) if total_s else 0.0,
        words=[_word(word, answer.origin_us) for word in answer.words],
        measures=[answer.values[name] for name in MEASURES if name in answer.values],
        scores=scores(answer, own),
        answer=asked.evaluation,
        moments=_moments(answer.events, answer.origin_us),
        strengths=claims.strengths(answer),
        weaknesses=claims.weaknesses(answer),
        time_management=timing.of_question(number, question, answer),
        suggestions=claims.suggestions(answer),
        follow_ups=question.follow_ups if question else [],
    )
    delay = answer.number("response_delay")
    if delay is not None:
        made.response_delay_ms = round(delay * 1000)
    return made


def _word(word: Word, start_us: int) -> ReportWord:
    return ReportWord(
        text=word.text,
        start_ms=(word.start_us - start_us) // 1000,
        end_ms=(word.end_us - start_us) // 1000,
        filler=word.filler,
    )


def _moments(events: list[Event], start_us: int) -> list[Moment]:
    return [
        Moment(
            start_ms=(event.start_us - start_us) // 1000,
            end_ms=(event.end_us - start_us) // 1000,
            type=event.type,
            detail=event.detail,
            confidence=round(event.confidence, 3),
        )
        for event in sorted(events, key=lambda e: (e.start_us, e.type, e.end_us, e.detail))
    ]
