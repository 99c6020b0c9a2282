"""State and policy together: messages in, hints out, the same on every replay."""

from __future__ import annotations

from greenroom.v1.session_pb2 import Hint, SessionEvent
from greenroom.v1.signals_pb2 import Signal

from services.aggregator.policy import HintPolicy
from services.aggregator.state import SessionState
from services.aggregator.triggers import triggers
from services.runtime.media import MICROSECONDS

DECIDE_EVERY_US = MICROSECONDS // 2
"""By the session's own time. A trigger's window is many seconds: half a second is soon."""


class Fold:
    """One session, as told by its stream."""

    def __init__(self, session_id: str) -> None:
        self.state = SessionState(session_id)
        self._policy = HintPolicy(session_id)
        self._decided_us = 0

    def take(self, message: SessionEvent | Signal) -> Hint | None:
        """Fold the next message of the stream; a hint, when one is due."""
        if self.state.closed:
            return None
        self.state.fold(message)
        if isinstance(message, SessionEvent):
            self._turn(message)
            return None
        now_us = self.state.now_us
        if now_us - self._decided_us < DECIDE_EVERY_US:
            return None
        self._decided_us = now_us
        if not self.state.live_hints:
            return None
        hint = self._policy.decide(list(triggers(self.state)))
        if hint is not None:
            self.state.hints.append(hint)
        return hint

    def _turn(self, event: SessionEvent) -> None:
        if event.HasField("question_started"):
            question_id = event.question_started.question_id
            self._policy.begin_answer(question_id, event.header.capture_time_us)
        elif event.HasField("ended"):
            self._policy.end_answer()
