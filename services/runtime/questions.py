"""The question bank, and the choice of questions from a resume and a job description.

The bank (questions.yaml) is written for Greenroom. A question is chosen because its
competence or its topics are named by the job, the resume or the role, and says so.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

BANK = Path(__file__).with_name("questions.yaml")

JOB_WEIGHT = 2.0
RESUME_WEIGHT = 1.0
ROLE_WEIGHT = 3.0
"""What the job asks for matters more than what the resume offers; a named role most."""

UNSUITED = -1.0
"""Score of another profession's question: asked only when nothing else is left."""

STYLE_ORDER = ("behavioural", "technical", "situational")
"""A practice takes its questions from the styles in turn, so that it is a mixed interview."""


MOST_PLACES = 5
"""Named in an error; a document in another form altogether has hundreds."""


class ResumeError(ValueError):
    """A resume or job that can't be read; says what is wrong."""


class Point(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    text: str
    weight: float = Field(1.0, gt=0)


class BankQuestion(BaseModel):
    """One question of the bank."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    text: str
    style: Literal["behavioural", "technical", "situational"]
    competence: str
    roles: list[str] = []
    """Empty: for every role."""
    topics: list[str] = []
    """Words that a resume or a job may name, in lower case."""
    seconds: int = Field(90, ge=30, le=300)
    points: list[Point] = Field(min_length=3, max_length=6)
    follow_ups: list[str] = Field(min_length=1)


_T = TypeVar("_T")
_Listed = Annotated[list[_T], BeforeValidator(lambda value: [] if value is None else value)]
"""Many a resume has `null` where it has nothing to list."""


class _Work(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str | None = None
    position: str | None = None
    summary: str | None = None
    highlights: _Listed[str] = []


class _Skill(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str | None = None
    keywords: _Listed[str] = []


class _Basics(BaseModel):
    model_config = ConfigDict(extra="ignore")
    label: str | None = None
    summary: str | None = None


class _Resume(BaseModel):
    """The parts of JSON Resume (jsonresume.org) that questions are chosen by."""

    model_config = ConfigDict(extra="ignore")
    basics: _Basics | None = None
    work: _Listed[_Work] = []
    projects: _Listed[_Work] = []
    skills: _Listed[_Skill] = []

    def text(self) -> str:
        basics = self.basics or _Basics()
        parts: list[str | None] = [basics.label, basics.summary]
        for work in self.work + self.projects:
            parts += [work.name, work.position, work.summary, *work.highlights]
        for skill in self.skills:
            parts += [skill.name, *skill.keywords]
        return " ".join(part for part in parts if part)


class _Job(BaseModel):
    """JSON Resume's job description schema, likewise."""

    model_config = ConfigDict(extra="ignore")
    title: str | None = None
    description: str | None = None
    responsibilities: _Listed[str] = []
    qualifications: _Listed[str] = []
    skills: _Listed[_Skill] = []

    def text(self) -> str:
        parts = [self.title, self.description, *self.responsibilities, *self.qualifications]
        for skill in self.skills:
            parts += [skill.name, *skill.keywords]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class _Match:
    question: BankQuestion
    score: float
    why: str


@cache
def bank() -> tuple[BankQuestion, ...]:
    """All questions, in the file's order. Raises ValueError when the file is wrong."""
    questions = tuple(
        BankQuestion.model_validate(entry)
        for entry in yaml.safe_load(BANK.read_text(encoding="utf-8"))
    )
    ids = [question.id for question in questions]
    if len(set(ids)) != len(ids):
        raise ValueError("questions.yaml names an id twice")
    return questions


def choose(
    resume: dict[str, Any] | str | None,
    job: dict[str, Any] | str | None,
    role: str,
    count: int,
) -> list[Question]:
    """`count` questions, best match first within each style, each with its `why`.

    resume, job: JSON Resume documents, plain text, or nothing. The same input gives
    the same questions. Raises ResumeError for documents of another form.
    """
    resume_words = _words(_text_of(resume, _Resume, "resume"))
    job_words = _words(_text_of(job, _Job, "job description"))
    matches = [_match(question, resume_words, job_words, role) for question in bank()]
    ranked = sorted(matches, key=lambda match: -match.score)  # stable: ties in bank order
    suited = [match for match in ranked if match.score > UNSUITED]
    others = [match for match in ranked if match.score == UNSUITED]
    chosen = (_by_turns(suited) + _by_turns(others))[:count]
    return [_message(match) for match in chosen]


def _by_turns(matches: list[_Match]) -> list[_Match]:
    """One of each style after the other, for as long as a style has any."""
    by_style = [
        [match for match in matches if match.question.style == style] for style in STYLE_ORDER
    ]
    rounds = itertools.zip_longest(*by_style)
    return [match for each in rounds for match in each if match is not None]


def _text_of(
    document: dict[str, Any] | str | None, schema: type[_Resume] | type[_Job], name: str
) -> str:
    if document is None:
        return ""
    if isinstance(document, str):
        return document
    try:
        return schema.model_validate(document).text()
    except ValidationError as error:
        places = [".".join(map(str, problem["loc"])) for problem in error.errors()]
        where = ", ".join(filter(None, places[:MOST_PLACES])) or "its outermost level"
        raise ResumeError(f"The {name} is not in JSON Resume form: look at {where}.") from error


def _words(text: str) -> str:
    """Lower case, single spaces, padded: topics are found as whole words in it."""
    return re.sub(r"[^a-z0-9+#.]+", " ", f" {text.lower()} ").replace(". ", " ")


def _match(question: BankQuestion, resume: str, job: str, role: str) -> _Match:
    in_job = [topic for topic in question.topics if f" {topic} " in job]
    in_resume = [topic for topic in question.topics if f" {topic} " in resume]
    wanted = _words(role)
    for_role = [name for name in question.roles if f" {name} " in wanted]
    score = JOB_WEIGHT * len(in_job) + RESUME_WEIGHT * len(in_resume) + ROLE_WEIGHT * len(for_role)
    if question.roles and not for_role and not in_job and not in_resume:
        score = UNSUITED
    return _Match(question, score, _why(question, in_job, in_resume, for_role))


def _why(
    question: BankQuestion, in_job: list[str], in_resume: list[str], for_role: list[str]
) -> str:
    reasons = []
    if in_job:
        reasons.append(f"the job mentions {_listed(in_job)}")
    if in_resume:
        reasons.append(f"your resume mentions {_listed(in_resume)}")
    if for_role:
        reasons.append(f"it is often asked of a {for_role[0]}")
    if not reasons:
        return f"Asked in most interviews: it shows {question.competence}."
    return f"Chosen because {' and '.join(reasons)}; it shows {question.competence}."


def _listed(words: list[str]) -> str:
    most = words[:3]
    return most[0] if len(most) == 1 else ", ".join(most[:-1]) + " and " + most[-1]


def _message(match: _Match) -> Question:
    question = match.question
    return Question(
        id=question.id,
        text=question.text,
        competence=question.competence,
        points=[
            ExpectedPoint(id=point.id, text=point.text, weight=point.weight)
            for point in question.points
        ],
        seconds=question.seconds,
        style=question.style,
        follow_ups=question.follow_ups,
        why=match.why,
    )
