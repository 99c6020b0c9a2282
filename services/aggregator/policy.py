"""The hint policy: at most one short nudge at a time, seldom, and kind.

Evidence: Rhema (Tanveer et al. 2015), Chollet et al. 2015 and 2022: live
feedback helps when it is rare and readable at a glance; teaching belongs in the report.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import Hint

from services.runtime.media import MICROSECONDS

SHOW_US = 3 * MICROSECONDS
APART_US = 20 * MICROSECONDS
"""From one hint's beginning to the next one's."""

MOST_PER_ANSWER = 2
QUIET_START_US = 15 * MICROSECONDS
"""No hint in an answer's first 15 s, unless the candidate is silent."""

MIN_CONFIDENCE = 0.85
MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something worth a nudge, seen by a detector whose window is full."""

    name: str
    text: str
    icon: str
    positive: bool
    confidence: float
    at_us: int
    source: Kind.ValueType
    when_silent: bool = False
    """The candidate has not begun. It may come in an answer's first 15 s, and though kind it
    praises nothing: it pays for no correction."""


class HintPolicy:
    """Decides which triggers become hints. Driven by capture time alone."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._last_us: int | None = None
        self._in_answer = 0
        self._credit = 0
        """Praise shown less corrections shown: never below zero."""
        self._answer_us: int | None = None
        self._question_id = ""
        self._shown = 0
        self._last = ""

    def begin_answer(self, question_id: str, at_us: int) -> None:
        self._question_id, self._answer_us, self._in_answer = question_id, at_us, 0

    def end_answer(self) -> None:
        self._answer_us = None

    def decide(self, triggers: Iterable[Trigger]) -> Hint | None:
        """At most one hint; a correction only after praise that no other correction used."""
        answer_us = self._answer_us
        if answer_us is None:
            return None
        allowed = [trigger for trigger in triggers if self._allows(trigger, answer_us)]
        if not allowed:
            return None
        # The same nudge twice in a row teaches nothing: prefer another.
        chosen = min(
            allowed, key=lambda t: (t.name == self._last, t.positive, -t.confidence, t.name)
        )
        return self._show(chosen)

    def _allows(self, trigger: Trigger, answer_us: int) -> bool:
        if trigger.confidence < MIN_CONFIDENCE or len(trigger.text.split()) > MOST_WORDS:
            return False
        if self._last_us is not None and trigger.at_us - self._last_us < APART_US:
            return False
        if self._in_answer >= MOST_PER_ANSWER or trigger.at_us < answer_us:
            return False
        early = trigger.at_us - answer_us < QUIET_START_US
        if early and not trigger.when_silent:
            return False
        return trigger.positive or self._credit > 0

    def _show(self, trigger: Trigger) -> Hint:
        self._last_us = trigger.at_us
        self._in_answer += 1
        if not trigger.positive:
            self._credit -= 1
        elif not trigger.when_silent:
            self._credit += 1
        self._last = trigger.name
        self._shown += 1
        return Hint(
            header=Header(
                session_id=self._session_id,
                sequence=self._shown - 1,
                capture_time_us=trigger.at_us,
            ),
            hint_id=str(self._shown),
            trigger=trigger.name,
            text=trigger.text,
            icon=trigger.icon,
            positive=trigger.positive,
            confidence=trigger.confidence,
            question_id=self._question_id,
            show_ms=SHOW_US // 1000,
            source=trigger.source,
        )
