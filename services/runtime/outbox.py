"""What a session's worker says: observations become signals, in order, none lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import assert_never

import nats.errors
import structlog
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.signals_pb2 import (
    Accounting,
    AnswerEvaluation,
    FaceEvent,
    FaceState,
    GestureEvent,
    GestureState,
    Signal,
    Trace,
    TranscriptSegment,
    VoiceEvent,
    VoiceState,
)

from services.runtime.accounts import ACCOUNTING_S, Accounts
from services.runtime.analyzer import Body, Observation
from services.runtime.bus import SUBJECTS, Bus, now_us

log = structlog.get_logger(__name__)

LIMIT = 256
"""Signals that may wait for the stream, about 20 s of one kind; past that the worker
analyses no more media, which then counts as dropped at its ring."""

AWAY_S = 1.0
"""Before it is tried again after the bus has given up."""


class Outbox:
    """One session's and kind's signals on their way to JetStream."""

    def __init__(
        self,
        bus: Bus,
        kind: Kind.ValueType,
        session_id: str,
        worker: str,
        lease: int,
        accounting: Callable[[], Accounting],
    ) -> None:
        self._bus = bus
        self._kind = kind
        self._session_id = session_id
        self._worker = worker
        self._accounts = Accounts(bus, kind, session_id, worker, lease, accounting)
        self._next = 0
        self._waiting: deque[Signal] = deque()
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Numbers go on after those that the stream already has of this session and kind."""
        last = await self._bus.last_sequence(f"signals.{self._session_id}.{SUBJECTS[self._kind]}")
        self._next = 0 if last is None else last + 1

    @property
    def full(self) -> bool:
        return len(self._waiting) >= LIMIT

    def put(self, observations: Iterable[Observation], trace: Trace) -> None:
        """On the event loop."""
        for observation in observations:
            signal = Signal(
                header=Header(
                    session_id=self._session_id,
                    sequence=self._next,
                    capture_time_us=observation.end_us,
                ),
                kind=self._kind,
                start_us=observation.start_us,
                end_us=observation.end_us,
                confidence=observation.confidence,
                trace=trace,
            )
            signal.trace.worker = self._worker
            set_body(signal, observation.body)
            self._waiting.append(signal)
            self._next += 1
        if self._waiting:
            self._wake.set()

    async def publish(self) -> None:
        """Until cancelled: signals as they come, and the accounting each second.

        While the stream is away, however long, they wait: LIMIT bounds them.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + ACCOUNTING_S
        while True:
            # Not wait_for: on Python 3.11 it swallows a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._publish_waiting()
                if loop.time() >= due:
                    await self._accounts.publish(final=False)
                    due = loop.time() + ACCOUNTING_S
            except nats.errors.Error as error:
                log.warning("signals wait", session=self._session_id, error=repr(error))
                await asyncio.sleep(AWAY_S)
                self._wake.set()

    async def flush(self, *, final: bool) -> None:
        """Everything that waits, then the last accounting under this lease.

        final: the kind is done with the session, not only this worker.
        """
        await self._publish_waiting()
        await self._accounts.publish(final=final)

    async def _publish_waiting(self) -> None:
        while self._waiting:
            signal = self._waiting[0]
            signal.trace.emitted_us = now_us()
            await self._bus.publish_signal(signal)
            self._waiting.popleft()


def set_body(signal: Signal, body: Body) -> None:
    match body:
        case FaceState():
            signal.face_state.CopyFrom(body)
        case FaceEvent():
            signal.face_event.CopyFrom(body)
        case GestureState():
            signal.gesture_state.CopyFrom(body)
        case GestureEvent():
            signal.gesture_event.CopyFrom(body)
        case VoiceState():
            signal.voice_state.CopyFrom(body)
        case VoiceEvent():
            signal.voice_event.CopyFrom(body)
        case TranscriptSegment():
            signal.transcript.CopyFrom(body)
        case AnswerEvaluation():
            signal.answer.CopyFrom(body)
        case _:
            assert_never(body)
