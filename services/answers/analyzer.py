"""A session's events and transcripts in, evaluations of its answers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from greenroom.v1.session_pb2 import Question, SessionEvent
from greenroom.v1.signals_pb2 import AnswerEvaluation, Signal, TranscriptSegment, Word

from services.answers.disfluency import disfluencies
from services.answers.embedder import Embedder
from services.answers.relevance import completeness, find_points, relevance
from services.answers.specificity import ownership, specificity, vagueness
from services.answers.star import star
from services.runtime.analyzer import Observation
from services.runtime.media import MICROSECONDS

EVERY_US = 5 * MICROSECONDS
"""How often a running answer is evaluated, at most, by the time of its words."""

CONFIDENT_WORDS = 40
"""An evaluation of fewer words is less certain in proportion."""


@cache
def _embedder() -> Embedder:
    return Embedder()


@dataclass(eq=False)
class _Answer:
    """From one question to the next."""

    question_id: str
    attempt: int
    start_us: int
    utterances: dict[int, list[Word]] = field(default_factory=dict)
    judged: list[Word] = field(default_factory=list)
    """The words on which the evaluation rests."""
    evaluation: AnswerEvaluation | None = None


class AnswersAnalyzer:
    """One session's answers. Words belong to the question during which they were said,
    by their own times, however late their transcript comes; what was said while the practice
    was paused belongs to none."""

    def __init__(self) -> None:
        self._embed = _embedder()
        self._questions: dict[str, Question] = {}
        self._answers: list[_Answer] = []
        self._pauses: list[tuple[int, int]] = []
        self._paused_us: int | None = None
        self._evaluated_us = 0

    def analyze(self, item: SessionEvent | Signal) -> Iterable[Observation]:
        """See Analyzer.analyze."""
        self.learn(item)
        if isinstance(item, Signal) and item.transcript.final:
            yield from self._interim(item.end_us)

    def learn(self, item: SessionEvent | Signal) -> None:
        """See TextAnalyzer.learn."""
        if isinstance(item, Signal):
            if item.transcript.final:
                self._add(item.transcript)
            return
        at_us = item.header.capture_time_us
        match item.WhichOneof("body"):
            case "started":
                self._questions = {question.id: question for question in item.started.questions}
            case "question_started":
                self._ask(item.question_started.question_id, at_us)
            case "paused" if self._paused_us is None:
                self._paused_us = at_us
            case "resumed" | "ended" if self._paused_us is not None:
                self._pauses.append((self._paused_us, at_us))
                self._paused_us = None

    def finish(self) -> Iterable[Observation]:
        """See Analyzer.finish."""
        for answer in self._answers:
            yield self._tell(answer, final=True)

    def _ask(self, question_id: str, at_us: int) -> None:
        """The same event may be stored twice."""
        if any((each.question_id, each.start_us) == (question_id, at_us) for each in self._answers):
            return
        earlier = [answer for answer in self._answers if answer.question_id == question_id]
        self._answers.append(_Answer(question_id, len(earlier), at_us))
        self._evaluated_us = at_us

    def _add(self, segment: TranscriptSegment) -> None:
        """Sort a segment's words by question; an earlier text of the same utterance goes."""
        for answer in self._answers:
            answer.utterances.pop(segment.utterance, None)
        for word in segment.words:
            asked = [answer for answer in self._answers if answer.start_us <= _middle_us(word)]
            if asked:
                asked[-1].utterances.setdefault(segment.utterance, []).append(word)

    def _words(self, answer: _Answer) -> list[Word]:
        """In the order of their utterances."""
        return [
            word
            for number in sorted(answer.utterances)
            for word in answer.utterances[number]
            if not self._was_paused(_middle_us(word))
        ]

    def _was_paused(self, at_us: int) -> bool:
        now = self._paused_us is not None and self._paused_us <= at_us
        return now or any(start <= at_us < end for start, end in self._pauses)

    def _interim(self, now_us: int) -> Iterator[Observation]:
        """Of the running answer, and of the first one of which words came late: at the end little
        is left to evaluate."""
        if now_us - self._evaluated_us < EVERY_US:
            return
        self._evaluated_us = now_us
        new = [answer for answer in self._answers if self._words(answer) != answer.judged]
        for answer in (*new[:-1][:1], *new[-1:]):
            yield self._tell(answer, final=False)

    def _tell(self, answer: _Answer, *, final: bool) -> Observation:
        words = self._words(answer)
        if answer.evaluation is None or words != answer.judged:
            answer.judged, answer.evaluation = words, self._evaluate(answer, words)
        told = AnswerEvaluation()
        told.CopyFrom(answer.evaluation)
        told.final = final
        end_us = words[-1].end_us if words else answer.start_us
        confidence = min(1.0, len(words) / CONFIDENT_WORDS)
        return Observation(told, answer.start_us, max(answer.start_us, end_us), confidence)

    def _evaluate(self, answer: _Answer, words: list[Word]) -> AnswerEvaluation:
        question = self._questions.get(answer.question_id, Question(id=answer.question_id))
        evaluation = AnswerEvaluation(
            question_id=answer.question_id,
            words=len(words),
            attempt=answer.attempt,
            relevance=relevance(self._embed, question, words) if question.text else None,
            points=find_points(self._embed, question, words),
            star=star(self._embed, words) if question.style == "behavioural" else [],
            disfluencies=disfluencies(words),
            specificity=specificity(words),
            ownership=ownership(words),
            vagueness=vagueness(words),
        )
        covered = completeness(question.points, evaluation.points)
        if covered is not None:
            evaluation.completeness = covered
        return evaluation


def _middle_us(word: Word) -> int:
    return (word.start_us + word.end_us) // 2
