"""What is said of the candidate's time: how long, how soon, and how it was shared out."""

from __future__ import annotations

from greenroom.v1.report_pb2 import Claim
from greenroom.v1.session_pb2 import Question

from services.aggregator.values import Values
from services.aggregator.wording import called, duration

SHORT, LONG = 0.5, 1.5
"""Times the length that suits a question, below and above which an answer is short or long."""

AT_ONCE_S = 0.5
"""Shorter than any thought about an answer."""

UNEVEN = 1.6
"""Times its fair share of the interview, above which an answer took much of it."""


def of_question(number: int, question: Question | None, values: Values) -> list[Claim]:
    """How long the answer took and how soon it began; number: see wording.numbers."""
    attempt = _attempt(values)
    place = called(number, attempt)
    key = f"{number}.{attempt}" if attempt else f"{number}"
    seconds, delay = values.number("answer_time"), values.number("response_delay")
    if seconds is None or delay is None:
        why = values.values["answer_time"].not_seen
        text = f"Nothing can be said about the time of question {place}: {why}."
        return [Claim(id=f"time-{key}", text=text, evidence=[values.looked("answer_time")])]
    length = f"took {duration(seconds)}{_judged(seconds, question)}"
    began = "at once" if delay < AT_ONCE_S else f"after {duration(delay)}"
    return [
        Claim(
            id=f"time-{key}",
            text=f"Your answer to question {place} {length}. You began it {began}.",
            evidence=[*values.evidence("answer_time"), *values.evidence("response_delay")],
        )
    ]


def _judged(seconds: float, question: Question | None) -> str:
    wanted = question.seconds if question else 0
    if not wanted:
        return ""
    if seconds < SHORT * wanted:
        return f"; there was room for more, up to about {duration(wanted)}"
    if seconds > LONG * wanted:
        return f"; about {duration(wanted)} is enough for it"
    return ", a good length for it"


def of_interview(numbers: list[int], answers: list[Values]) -> list[Claim]:
    """Which answer took much more than its share, if one did; numbers: of their questions."""
    timed = [pair for pair in zip(numbers, answers, strict=True) if _seconds(pair[1])]
    total = sum(_seconds(answer) for _, answer in timed)
    if len(timed) < 2:
        return []
    number, longest = max(timed, key=lambda pair: _seconds(pair[1]))
    share = _seconds(longest) / total
    if share * len(timed) < UNEVEN:
        return []
    place = called(number, _attempt(longest))
    text = f"Question {place} took {100 * share:.0f}% of your answering time."
    evidence = [found for _, answer in timed for found in answer.evidence("answer_time")]
    return [Claim(id="time-shares", text=text, evidence=evidence)]


def _attempt(answer: Values) -> int:
    return answer.stretch.asked.attempt if answer.stretch.asked else 0


def _seconds(answer: Values) -> float:
    return answer.number("answer_time") or 0.0
