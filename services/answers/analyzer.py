"""A session's events and transcripts in, evaluations of its answers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from greenroom.v1.session_pb2 import Question, SessionEvent
from greenroom.v1.signals_pb2 import AnswerEvaluation, Signal, TranscriptSegment, Word

from services.answers.disfluency import disfluencies
from services.answers.embedder import Embedder
from services.answers.relevance import completeness, find_points, relevance
from services.answers.specificity import ownership, specificity, vagueness
from services.answers.star import star
from services.answers.text import Answer
from services.runtime.analyzer import Observation
from services.runtime.media import MICROSECONDS

EVERY_US = 5 * MICROSECONDS
"""How often a running answer is evaluated, at most, by the time of its words."""

CONFIDENT_WORDS = 40
"""An evaluation of fewer words is less certain in proportion."""


@cache
def _embedder() -> Embedder:
    return Embedder()


class AnswersAnalyzer:
    """One session's answers. Words belong to the question during which they were said,
    by their own times, however late their transcript comes."""

    def __init__(self) -> None:
        self._embed = _embedder()
        self._questions: dict[str, Question] = {}
        self._asked: list[tuple[int, str]] = []
        """(start, question id) of every question so far."""
        self._answers: dict[int, Answer] = {}
        """By index into _asked."""
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
        elif item.HasField("started"):
            self._questions = {question.id: question for question in item.started.questions}
        elif item.HasField("question_started"):
            self._ask(item)

    def finish(self) -> Iterable[Observation]:
        """See Analyzer.finish."""
        for number in range(len(self._asked)):
            yield from self._evaluate(number, final=True)

    def _ask(self, event: SessionEvent) -> None:
        start_us = event.header.capture_time_us
        self._asked.append((start_us, event.question_started.question_id))
        self._evaluated_us = start_us

    def _add(self, segment: TranscriptSegment) -> None:
        """Sort a segment's words by question; an earlier text of the same utterance goes."""
        for answer in self._answers.values():
            answer.utterances.pop(segment.utterance, None)
        for word in segment.words:
            number = self._question_at(word)
            if number is not None:
                answer = self._answers.setdefault(number, Answer())
                answer.utterances.setdefault(segment.utterance, []).append(word)

    def _question_at(self, word: Word) -> int | None:
        """Which question was asked last before the word's middle."""
        middle = (word.start_us + word.end_us) // 2
        before = [number for number, (start, _) in enumerate(self._asked) if start <= middle]
        return before[-1] if before else None

    def _interim(self, now_us: int) -> Iterator[Observation]:
        if self._asked and now_us - self._evaluated_us >= EVERY_US:
            self._evaluated_us = now_us
            yield from self._evaluate(len(self._asked) - 1, final=False)

    def _evaluate(self, number: int, *, final: bool) -> Iterator[Observation]:
        start_us, question_id = self._asked[number]
        question = self._questions.get(question_id, Question(id=question_id))
        words = self._answers.get(number, Answer()).words
        evaluation = AnswerEvaluation(
            question_id=question_id,
            final=final,
            words=len(words),
            attempt=sum(1 for _, other in self._asked[:number] if other == question_id),
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
        end_us = words[-1].end_us if words else start_us
        confidence = min(1.0, len(words) / CONFIDENT_WORDS)
        yield Observation(evaluation, start_us, max(start_us, end_us), confidence)
