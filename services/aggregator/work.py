"""A session in the aggregator's hands: replay, fold, hints, the report."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from greenroom.v1.common_pb2 import Header
from greenroom.v1.report_pb2 import Report
from greenroom.v1.session_pb2 import Hint, SessionClosed, SessionEvent, SessionInfo
from greenroom.v1.signals_pb2 import Signal
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from services.aggregator import report as reports
from services.aggregator.fold import Fold
from services.aggregator.history import MOST_REPORTS
from services.aggregator.state import ANALYZERS
from services.aggregator.store import Store
from services.runtime.bus import Bus, Recorded, now_us
from services.runtime.leases import Lease

log = structlog.get_logger(__name__)

FINISH_PATIENCE_S = 6.0
"""How long the analyzers may take for their last words: the voice has to transcribe its last
utterance, then the answers evaluate it. After this the report is written without them."""

CLOSE_PATIENCE_S = 10.0


class SessionWork:
    """Runs one session from its lease to its report."""

    def __init__(self, bus: Bus, store: Store, lease: Lease, *, affect: bool) -> None:
        self._bus = bus
        self._store = store
        self._lease = lease
        self._affect = affect
        self._id = lease.info.session_id
        self._fold = Fold(self._id)
        self._published = 0
        """Hints that the stream already has: after a takeover they come again here."""
        self._complete = asyncio.Event()
        self._closed = asyncio.Event()

    async def run(self) -> None:
        last = await self._bus.last_sequence(f"hints.{self._id}")
        self._published = 0 if last is None else last + 1
        subscription = await self._bus.follow(self._id, self._take)
        try:
            await self._lease.ended.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FINISH_PATIENCE_S):
                    await self._complete.wait()
            await self._close()
            async with asyncio.timeout(CLOSE_PATIENCE_S):
                await self._closed.wait()
        finally:
            await subscription.unsubscribe()
        await self._write()

    async def _write(self) -> None:
        state, candidate_id = self._fold.state, self._lease.info.candidate_id
        earlier = await self._store.before(candidate_id, state.started_us or 0, MOST_REPORTS)
        written = await asyncio.to_thread(
            reports.write, state, affect=self._affect, earlier=earlier
        )
        keeping = asyncio.create_task(self._keep(candidate_id, written))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            # Not between the report and the question whether it may stay.
            await keeping
            raise

    async def _keep(self, candidate_id: str, written: Report) -> None:
        await self._store.put(candidate_id, written)
        if not await self._mark_closed():
            # Erased while the report was being written: what came of it goes too.
            await self._store.erase(session_id=self._id)
            await self._bus.purge(self._id)
            return
        log.info("report written", session=self._id, questions=len(written.questions))

    async def _take(self, recorded: Recorded) -> None:
        message = recorded.message
        if isinstance(message, Hint):
            return
        hint = self._fold.take(message)
        if hint is not None and hint.header.sequence >= self._published:
            await self._publish(hint)
        state = self._fold.state
        if isinstance(message, Signal) and len(state.analyzers_done) == len(ANALYZERS):
            self._complete.set()
        if state.closed:
            self._closed.set()

    async def _publish(self, hint: Hint) -> None:
        published = Hint()
        published.CopyFrom(hint)
        published.decided_us = now_us()
        await self._bus.publish_hint(published)
        self._published = hint.header.sequence + 1

    async def _close(self) -> None:
        """Once, also when two aggregators believe that they hold the session."""
        event = SessionEvent(
            header=Header(session_id=self._id, capture_time_us=now_us()),
            closed=SessionClosed(finished=self._fold.state.analyzers_done),
        )
        await self._bus.publish_event(event, "closed")

    async def _mark_closed(self) -> bool:
        """Lets the leases go; False when the session was erased meanwhile. The gateway may
        change the entry too: compare and set."""
        while True:
            try:
                entry = await self._bus.sessions.get(self._id)
            except KeyNotFoundError:
                return False
            info = SessionInfo.FromString(entry.value or b"")
            info.closed = True
            with contextlib.suppress(KeyWrongLastSequenceError):
                await self._bus.sessions.update(
                    self._id, info.SerializeToString(), last=entry.revision
                )
                return True
