import pytest
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from greenroom.v1.signals_pb2 import PointResult

from services.answers.embedder import Embedder
from services.answers.relevance import completeness, find_points, relevance
from services.answers.text import MIN_WORDS
from services.runtime.questions import bank
from tests.services.answers.speaking import GOOD_STORY, SMALL_TALK, say


def question(name: str) -> Question:
    entry = next(entry for entry in bank() if entry.id == name)
    points = [ExpectedPoint(id=p.id, text=p.text, weight=p.weight) for p in entry.points]
    return Question(id=entry.id, text=entry.text, points=points, style=entry.style)


def test_an_answer_is_nearer_to_its_question_than_small_talk(embed: Embedder) -> None:
    asked = question("hardest-problem")
    to_the_point = relevance(embed, asked, say(GOOD_STORY))
    beside_it = relevance(embed, asked, say(SMALL_TALK))
    assert to_the_point is not None
    assert beside_it is not None
    assert to_the_point > 0.5 > beside_it


def test_a_few_words_have_no_relevance(embed: Embedder) -> None:
    asked = question("conflict")
    assert relevance(embed, asked, say("word " * (MIN_WORDS - 1))) is None
    assert relevance(embed, asked, say("word " * MIN_WORDS)) is not None


def test_nothing_said_has_no_relevance_and_no_points(embed: Embedder) -> None:
    asked = question("conflict")
    assert relevance(embed, asked, []) is None
    assert find_points(embed, asked, []) == []
    assert find_points(embed, Question(text="Why?"), say("Because.")) == []


def test_points_are_found_with_the_words_that_make_them(embed: Embedder) -> None:
    asked = question("database-slow")
    words = say(
        "I would run explain and compare the query plan with how long it really takes. "
        "Often an index is missing on the column in the where clause."
    )
    results = {result.point_id: result for result in find_points(embed, asked, words)}
    assert list(results) == [point.id for point in asked.points]
    assert results["measure"].found
    assert "query plan" in results["measure"].evidence.quote
    assert results["index"].found
    assert "index" in results["index"].evidence.quote
    said = " ".join(word.text for word in words)
    for result in results.values():
        assert 0 <= result.score <= 1
        assert result.found == result.HasField("evidence") == (result.score >= 0.5)
        if result.found:
            assert result.evidence.quote in said
            assert words[0].start_us <= result.evidence.start_us < result.evidence.end_us


def test_small_talk_makes_no_technical_point(embed: Embedder) -> None:
    for name in ("database-slow", "security-basics", "concurrency", "accessibility"):
        asked = question(name)
        results = find_points(embed, asked, say(SMALL_TALK))
        assert completeness(asked.points, results) == 0


def test_a_full_answer_covers_more_than_a_thin_one(embed: Embedder) -> None:
    asked = question("hardest-problem")
    full = completeness(asked.points, find_points(embed, asked, say(GOOD_STORY)))
    thin = completeness(asked.points, find_points(embed, asked, say("It was quite hard, really.")))
    assert full is not None
    assert thin is not None
    assert full > thin


def test_points_of_one_name_count_each() -> None:
    points = [ExpectedPoint(id="p", text=text, weight=1) for text in ("one", "two")]
    found = [PointResult(point_id="p", found=True), PointResult(point_id="p", found=True)]
    assert completeness(points, found) == 1
    found[1].found = False
    assert completeness(points, found) == 0.5


def test_completeness_counts_by_weight() -> None:
    points = [ExpectedPoint(id="a", weight=3), ExpectedPoint(id="b", weight=1)]
    made = [PointResult(point_id="a", found=True), PointResult(point_id="b", found=False)]
    assert completeness(points, made) == pytest.approx(0.75)
    assert completeness([], []) is None
    assert completeness([ExpectedPoint(id="a")], made[:1]) is None
