"""The hint policy: at most one short nudge at a time, seldom, and kind.

Evidence: Rhema (Tanveer et al. 2015), Chollet et al. 2015 and 2022: live
feedback helps when it is rare and readable at a glance; teaching belongs in the report.
"""

from __future__ import annotations

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
    """May come in an answer's first 15 s: the candidate has not begun."""


class HintPolicy:
    """Decides which triggers become hints. Driven by capture time alone."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._last_us: int | None = None
        self._in_answer = 0
        self._corrections = 0
        self._positives = 0
        self._answer_us: int | None = None
        self._question_id = ""
        self._shown: list[str] = []

    def begin_answer(self, question_id: str, at_us: int) -> None:
        self._question_id, self._answer_us, self._in_answer = question_id, at_us, 0

    def end_answer(self) -> None:
        self._answer_us = None

    def decide(self, triggers: list[Trigger], *, enabled: bool) -> Hint | None:
        """At most one hint. A positive comes first whenever corrections are ahead."""
        if not enabled or self._answer_us is None:
            return None
        allowed = [trigger for trigger in triggers if self._allows(trigger)]
        if not allowed:
            return None
        # The same nudge twice in a row teaches nothing: prefer another.
        last = self._shown[-1] if self._shown else ""
        chosen = min(allowed, key=lambda t: (t.name == last, t.positive, -t.confidence, t.name))
        return self._show(chosen)

    def _allows(self, trigger: Trigger) -> bool:
        assert self._answer_us is not None
        if trigger.confidence < MIN_CONFIDENCE or len(trigger.text.split()) > MOST_WORDS:
            return False
        if self._last_us is not None and trigger.at_us - self._last_us < APART_US:
            return False
        if self._in_answer >= MOST_PER_ANSWER or trigger.at_us < self._answer_us:
            return False
        early = trigger.at_us - self._answer_us < QUIET_START_US
        if early and not trigger.when_silent:
            return False
        # One positive for each correction: after a correction the next is praise.
        return trigger.positive or self._corrections <= self._positives

    def _show(self, trigger: Trigger) -> Hint:
        self._last_us = trigger.at_us
        self._in_answer += 1
        self._positives += trigger.positive
        self._corrections += not trigger.positive
        self._shown.append(trigger.name)
        return Hint(
            header=Header(
                session_id=self._session_id,
                sequence=len(self._shown) - 1,
                capture_time_us=trigger.at_us,
            ),
            hint_id=str(len(self._shown)),
            trigger=trigger.name,
            text=trigger.text,
            icon=trigger.icon,
            positive=trigger.positive,
            confidence=trigger.confidence,
            question_id=self._question_id,
            show_ms=SHOW_US // 1000,
            source=trigger.source,
        )
