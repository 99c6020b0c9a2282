"""The whole question bank, and the choice from real and odd resumes and jobs."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.questions import BankQuestion, ResumeError, bank, choose

QUESTIONS = pytest.mark.parametrize("question", bank(), ids=lambda question: question.id)

SHORTEST_ANSWER_S, LONGEST_ANSWER_S = 60, 150


def test_the_bank_is_large_and_mixed() -> None:
    styles = Counter(question.style for question in bank())
    assert len(bank()) >= 60
    assert all(styles[style] >= 15 for style in ("behavioural", "technical", "situational"))
    roles = {role for question in bank() for role in question.roles}
    assert {"software engineer", "nurse", "teacher", "sales manager", "accountant"} <= roles
    assert len({question.competence for question in bank()}) >= 30


def test_no_question_stands_twice() -> None:
    assert len({question.text.casefold() for question in bank()}) == len(bank())


@QUESTIONS
def test_a_question_is_complete(question: BankQuestion) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", question.id)
    assert question.text[-1] in ".?"
    assert question.competence == question.competence.strip().lower() != ""
    assert SHORTEST_ANSWER_S <= question.seconds <= LONGEST_ANSWER_S
    assert question.follow_ups
    assert all(text[-1] in ".?" and text[0].isupper() for text in question.follow_ups)
    assert question.topics


@QUESTIONS
def test_expected_points_are_distinct_and_phrased_alike(question: BankQuestion) -> None:
    ids = [point.id for point in question.points]
    assert len(set(ids)) == len(ids)
    assert len({point.text for point in question.points}) == len(ids)
    for point in question.points:
        assert 3 <= len(point.text.split()) <= 20, "a point is a clause, not a word or a paragraph"
        assert point.text[0].islower()
        assert point.text[-1] not in ".?!"


@QUESTIONS
def test_topics_and_roles_can_be_found_in_a_text(question: BankQuestion) -> None:
    """They are looked up as they stand after a text was put in lower case and cleaned."""
    for word in [*question.topics, *question.roles]:
        assert re.fullmatch(r"[a-z0-9+#.]+( [a-z0-9+#.]+)*", word), word


@QUESTIONS
def test_each_question_is_reached_by_its_own_topic(question: BankQuestion) -> None:
    chosen = choose(None, f"We look for {question.topics[0]}.", "", len(bank()))
    match = next(one for one in chosen if one.id == question.id)
    assert question.topics[0] in match.why
    assert question.competence in match.why


def sample(data: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((data / "text_interview" / name).read_text())
    return document


def test_a_real_resume_and_job_are_mapped(shared_data: Path) -> None:
    resume = sample(shared_data, "jsonresume_sample.resume.json")
    job = sample(shared_data, "jsonresume_sample.job.json")
    chosen = choose(resume, job, "", 6)
    assert len(chosen) == len({question.id for question in chosen}) == 6
    named = [q for q in chosen if "the job mentions" in q.why or "your resume mentions" in q.why]
    assert len(named) >= 4
    assert {question.style for question in chosen} == {"behavioural", "technical", "situational"}
    assert chosen == choose(resume, job, "", 6)


def test_the_why_names_only_what_is_there(shared_data: Path) -> None:
    job = sample(shared_data, "jsonresume_sample.job.json")
    text = re.sub(r"[^a-z0-9+#]+", " ", json.dumps(job).lower())
    reasons = [re.search(r"the job mentions (.*?);", q.why) for q in choose(None, job, "", 10)]
    named = [topic for said in reasons if said for topic in re.split(r", | and ", said[1])]
    assert named
    assert all(f" {topic} " in text for topic in named)


def test_a_profession_brings_its_own_questions() -> None:
    nurse = choose("Registered nurse, eight years in a hospital, patient care", None, "nurse", 4)
    assert {"patient-care", "medication-error"} <= {question.id for question in nurse}
    for_others = {q.id for q in bank() if q.roles and "nurse" not in q.roles}
    assert not {question.id for question in nurse} & for_others


def test_nothing_to_go_by_gives_questions_for_everybody() -> None:
    everybody = {question.id for question in bank() if not question.roles}
    assert {question.id for question in choose(None, None, "", 8)} <= everybody


def test_common_words_are_no_skills() -> None:
    chosen = choose(
        "I am willing to go the extra mile and do the rest later.", None, "", len(bank())
    )
    why = {question.id: question.why for question in chosen}
    assert "mentions" not in why["concurrency"]
    assert "mentions" not in why["design-api"]


def test_more_than_there_are_gives_all_of_them() -> None:
    assert len(choose(None, None, "", 10 * len(bank()))) == len(bank())


@pytest.mark.parametrize(
    "resume",
    [
        "",
        {},
        "   \n\t ",
        {"basics": None, "work": None, "skills": None},
        {"work": [{"name": None, "highlights": None}], "unknown": [1, 2, 3]},
        "Ingénieur logiciel à Besançon, spécialisé en systèmes répartis",
        "私は東京のソフトウェアエンジニアです。",
        "مهندس برمجيات",
        "\x00\ud800 broken \u202e text",
        "python " * 50_000,
    ],
    ids=["empty", "empty object", "blank", "nulls", "unknown keys", "French", "Japanese", "Arabic",
         "broken", "long"],
)  # fmt: skip
def test_odd_resumes_give_a_sensible_choice(resume: dict[str, Any] | str) -> None:
    chosen = choose(resume, None, "", 5)
    assert len({question.id for question in chosen}) == 5
    assert all(question.why and question.points and question.seconds for question in chosen)


@pytest.mark.parametrize(
    ("resume", "place"),
    [
        ([], "its outermost level"),
        ([{"basics": {}}], "its outermost level"),
        (7, "its outermost level"),
        ({"work": "ten years at a bank"}, "work"),
        ({"basics": ["name"]}, "basics"),
        ({"work": [{"highlights": [{"text": "x"}]}]}, "work.0.highlights.0"),
        ({"skills": [{"name": 3}]}, "skills.0.name"),
    ],
)
def test_wrong_types_are_named(resume: Any, place: str) -> None:
    with pytest.raises(ResumeError, match=re.escape(f"look at {place}")):
        choose(resume, None, "", 3)


def test_an_error_names_a_few_places_and_none_of_the_content() -> None:
    with pytest.raises(ResumeError) as error:
        choose({"work": [{"position": 1000 + i} for i in range(500)]}, None, "", 3)
    assert len(str(error.value)) < 300
    assert "1000" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["basics", "work", "skills", "projects", "title", "responsibilities"])


@settings(max_examples=80)
@given(st.text(max_size=200) | st.dictionaries(KEYS, JSON), st.text(max_size=30))
def test_any_document_is_used_or_refused(document: dict[str, Any] | str, role: str) -> None:
    try:
        chosen = choose(document, document, role, 3)
    except ResumeError:
        return
    assert len({question.id for question in chosen}) == 3
