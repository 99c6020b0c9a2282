"""A session's events and transcripts through the analyzer, with the real models."""

from collections.abc import Iterable

import pytest
from greenroom.v1.common_pb2 import Header
from greenroom.v1.session_pb2 import (
    ExpectedPoint,
    Question,
    QuestionStarted,
    SessionEnded,
    SessionEvent,
    SessionPaused,
    SessionResumed,
    SessionStarted,
)
from greenroom.v1.signals_pb2 import (
    AnswerEvaluation,
    DisfluencySpan,
    Signal,
    TranscriptSegment,
    Word,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from services.answers.analyzer import CONFIDENT_WORDS, EVERY_US, AnswersAnalyzer
from services.answers.disfluency import disfluencies
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


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many words each evaluation saw."""
    counts: list[int] = []

    def counted(words: list[Word]) -> list[DisfluencySpan]:
        counts.append(len(words))
        return disfluencies(words)

    monkeypatch.setattr("services.answers.analyzer.disfluencies", counted)
    return counts


def test_what_was_evaluated_whole_is_not_evaluated_again_at_the_end(evaluated: list[int]) -> None:
    during, final = run(started(), asked(HARDEST.id, START_US), heard(GOOD_STORY, START_US + 1))
    assert evaluated == [len(GOOD_STORY.split())]
    (before,), (after,) = bodies(during), bodies(final)
    assert not before.final
    assert after.final
    before.final = True
    assert after == before
    assert (during[0].end_us, during[0].confidence) == (final[0].end_us, final[0].confidence)


def test_last_words_that_come_after_the_next_question_are_evaluated_before_the_end(
    evaluated: list[int],
) -> None:
    second = START_US + 60_000_000
    during, final = run(
        started(),
        asked(HARDEST.id, START_US),
        heard("It was slow and we fixed it.", START_US + 10_000_000, 0),
        asked("free", second),
        heard("That was all.", second - 3_000_000, 1),
        heard("No, I have nothing to add.", second + 10_000_000, 2),
    )
    assert [(body.question_id, body.words) for body in bodies(during)] == [
        (HARDEST.id, 7),
        (HARDEST.id, 10),
        ("free", 6),
    ]
    assert [body.words for body in bodies(final)] == [10, 6]
    assert evaluated == [7, 10, 6]


def test_after_a_takeover_the_past_is_evaluated_little_by_little(evaluated: list[int]) -> None:
    """Nothing while it is learned, then one earlier answer with the running one, at the end the
    rest."""
    analyzer = AnswersAnalyzer()
    minute = 60_000_000
    starts = [START_US + number * minute for number in range(4)]
    analyzer.learn(started())
    for number, start in enumerate(starts):
        analyzer.learn(asked("free", start))
        analyzer.learn(heard("word " * (number + 1), start + 1, number))
    assert not evaluated
    during = list(analyzer.analyze(heard("and so on", starts[-1] + minute // 2, 9)))
    assert [body.words for body in bodies(during)] == [1, 7]
    assert [body.words for body in bodies(analyzer.finish())] == [1, 2, 3, 7]
    assert evaluated == [1, 7, 2, 3]


def paused(at_us: int) -> SessionEvent:
    return SessionEvent(header=Header(capture_time_us=at_us), paused=SessionPaused())


def resumed(at_us: int) -> SessionEvent:
    return SessionEvent(header=Header(capture_time_us=at_us), resumed=SessionResumed())


def ended(at_us: int) -> SessionEvent:
    return SessionEvent(header=Header(capture_time_us=at_us), ended=SessionEnded())


@pytest.mark.parametrize("late", [False, True])
def test_what_is_said_while_paused_is_no_part_of_the_answer(*, late: bool) -> None:
    """Whether its transcript comes before the pause is told of or after."""
    second = 1_000_000
    events: list[SessionEvent | Signal] = [
        paused(START_US + 10 * second),
        resumed(START_US + 20 * second),
        paused(START_US + 30 * second),
        ended(START_US + 40 * second),
    ]
    said: list[SessionEvent | Signal] = [
        heard("This counts.", START_US + 5 * second, 0),
        heard("Mum, I am in the middle of it.", START_US + 15 * second, 1),
        heard("This counts as well.", START_US + 25 * second, 2),
        heard("Let me see.", START_US + 35 * second, 3),
    ]
    order = [*events, *said] if late else [*said, *events]
    _, final = run(started(), asked("free", START_US), *order)
    assert bodies(final)[0].words == 6


def test_words_are_in_the_order_of_their_utterances() -> None:
    _, final = run(
        started(),
        asked("free", START_US),
        heard("and we shipped", START_US + 9_000_000, 7),
        heard("we tested it", START_US + 1, 3),
    )
    assert final[0].end_us == heard("and we shipped", START_US + 9_000_000).end_us


def test_a_question_that_is_told_twice_was_asked_once() -> None:
    _, final = run(
        started(),
        asked("free", START_US),
        asked("free", START_US),
        heard("It is fine.", START_US + 1),
    )
    assert [(body.attempt, body.words) for body in bodies(final)] == [(0, 3)]


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
