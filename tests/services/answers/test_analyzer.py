"""A session's events and transcripts through the analyzer, with the real models."""

from collections.abc import Iterable

from greenroom.v1.common_pb2 import Header
from greenroom.v1.session_pb2 import (
    ExpectedPoint,
    Question,
    QuestionStarted,
    SessionEvent,
    SessionStarted,
)
from greenroom.v1.signals_pb2 import AnswerEvaluation, Signal, TranscriptSegment
from hypothesis import given, settings
from hypothesis import strategies as st

from services.answers.analyzer import CONFIDENT_WORDS, EVERY_US, AnswersAnalyzer
from services.runtime.analyzer import Observation
from services.runtime.questions import bank
from tests.services.answers.speaking import GOOD_STORY, START_US, say

HARDEST = next(question for question in bank() if question.id == "hardest-problem")
QUESTIONS = [
    Question(
        id=HARDEST.id,
        text=HARDEST.text,
        style=HARDEST.style,
        points=[ExpectedPoint(id=p.id, text=p.text, weight=p.weight) for p in HARDEST.points],
    ),
    Question(id="free", text="Is there anything you want to add?", style="technical"),
]


def started() -> SessionEvent:
    return SessionEvent(
        header=Header(capture_time_us=START_US), started=SessionStarted(questions=QUESTIONS)
    )


def asked(question_id: str, at_us: int) -> SessionEvent:
    return SessionEvent(
        header=Header(capture_time_us=at_us),
        question_started=QuestionStarted(question_id=question_id),
    )


def heard(text: str, at_us: int, utterance: int = 0, *, final: bool = True) -> Signal:
    words = say(text, at_us)
    end_us = words[-1].end_us if words else at_us
    segment = TranscriptSegment(utterance=utterance, final=final, text=text, words=words)
    return Signal(start_us=at_us, end_us=end_us, transcript=segment)


def run(*items: SessionEvent | Signal) -> tuple[list[Observation], list[Observation]]:
    """(while it ran, at its end)"""
    analyzer = AnswersAnalyzer()
    during = [observation for item in items for observation in analyzer.analyze(item)]
    return during, list(analyzer.finish())


def bodies(observations: Iterable[Observation]) -> list[AnswerEvaluation]:
    evaluations = []
    for observation in observations:
        assert isinstance(observation.body, AnswerEvaluation)
        evaluations.append(observation.body)
    return evaluations


def test_an_answer_is_evaluated_whole_at_the_end() -> None:
    _, final = run(started(), asked(HARDEST.id, START_US), heard(GOOD_STORY, START_US + 1))
    (evaluation,) = bodies(final)
    assert evaluation.final
    assert evaluation.question_id == HARDEST.id
    assert evaluation.words == len(GOOD_STORY.split())
    assert {result.point_id for result in evaluation.points} == {p.id for p in HARDEST.points}
    assert evaluation.HasField("completeness")
    assert evaluation.relevance > 0.5
    assert len(evaluation.star) == 4
    assert final[0].confidence == 1.0
    assert final[0].start_us == START_US


def test_words_belong_to_the_question_that_was_asked_before_them() -> None:
    """However late their transcript comes."""
    second = START_US + 60_000_000
    _, final = run(
        started(),
        asked(HARDEST.id, START_US),
        asked("free", second),
        heard("This came first but late.", START_US + 5_000_000, 0),
        heard("And this afterwards.", second + 1_000_000, 1),
    )
    assert [body.words for body in bodies(final)] == [5, 3]


def test_a_later_text_of_an_utterance_replaces_the_earlier() -> None:
    _, final = run(
        started(),
        asked("free", START_US),
        heard("I wood like", START_US + 1, 4),
        heard("I would like to thank you", START_US + 1, 4),
        heard("not final yet", START_US + 9_000_000, 5, final=False),
    )
    assert bodies(final)[0].words == 6


def test_a_running_answer_is_evaluated_now_and_then() -> None:
    texts = [f"Sentence number {number} is here." for number in range(12)]
    gap_us = EVERY_US // 4
    signals = [heard(text, START_US + n * gap_us, n) for n, text in enumerate(texts)]
    during, _ = run(started(), asked("free", START_US), *signals)
    assert 2 <= len(during) <= len(texts) * gap_us // EVERY_US + 1
    assert not any(body.final for body in bodies(during))
    counts = [body.words for body in bodies(during)]
    assert counts == sorted(counts)


def test_silence_is_told_as_nothing_said_and_nothing_is_made_up() -> None:
    _, final = run(started(), asked(HARDEST.id, START_US))
    (evaluation,) = bodies(final)
    assert evaluation.words == 0
    for field in ("relevance", "completeness", "specificity", "ownership", "vagueness"):
        assert not evaluation.HasField(field)
    assert not evaluation.points
    assert not evaluation.star
    assert final[0].confidence == 0


def test_few_words_are_less_certain() -> None:
    text = "word " * (CONFIDENT_WORDS // 4)
    _, final = run(started(), asked("free", START_US), heard(text, START_US + 1))
    assert final[0].confidence == 0.25


def test_only_behavioural_answers_are_looked_through_for_a_story() -> None:
    _, final = run(started(), asked("free", START_US), heard(GOOD_STORY, START_US + 1))
    assert not bodies(final)[0].star


def test_attempts_at_the_same_question_are_counted() -> None:
    times = [START_US + n * 30_000_000 for n in range(3)]
    _, final = run(started(), *(asked(HARDEST.id, time) for time in times))
    assert [body.attempt for body in bodies(final)] == [0, 1, 2]


def test_a_question_that_nobody_announced_is_evaluated_by_its_words_alone() -> None:
    _, final = run(asked("unknown", START_US), heard("I um did it.", START_US + 1))
    (evaluation,) = bodies(final)
    assert not evaluation.HasField("relevance")
    assert len(evaluation.disfluencies) == 1


def test_words_before_the_first_question_belong_to_none() -> None:
    during, final = run(started(), heard("Hello, can you hear me?", START_US))
    assert during == final == []


TEXT = st.text(max_size=300) | st.lists(
    st.sampled_from(
        [
            "I",
            "we",
            "um",
            "uh",
            "no",
            "the",
            "7",
            "%",
            "result.",
            "task,",
            "\u200b",
            "😀",
            "...",
            "café",
            "Ünïcode",
        ]
    )
).map(" ".join)


@settings(max_examples=25)
@given(TEXT)
def test_no_text_is_too_odd(text: str) -> None:
    _, final = run(started(), asked(HARDEST.id, START_US), heard(text, START_US + 1))
    (evaluation,) = bodies(final)
    assert evaluation.words == len(text.split())
    for field in ("relevance", "completeness", "specificity", "ownership", "vagueness"):
        if evaluation.HasField(field):
            assert 0 <= getattr(evaluation, field) <= 1
    said = " ".join(text.split())
    for result in evaluation.points:
        assert not result.found or result.evidence.quote in said
