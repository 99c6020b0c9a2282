"""Which worker has which session: leases in JetStream KV, taken by compare-and-set.

Every worker of a kind watches the sessions and the leases. A session without a
live holder is asked for after a delay that grows with the worker's load, so the
less loaded worker asks sooner; a full worker does not ask. A worker proves that
it lives with one heartbeat for all its sessions, and a lease is as good as its
holder's last heartbeat. Ages are differences of the server's own timestamps, so
the workers' clocks need not agree.

Keys of the bucket "leases":
  ``{kind}.worker.{name}``      heartbeat: LeaseRecord with this process's incarnation
  ``{kind}.session.{session}``  LeaseRecord of the holder
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import nats.errors
import nats.js.errors
import structlog
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import SessionInfo
from nats.js.kv import KV_DEL, KV_PURGE, KeyValue
from pydantic import BaseModel

from services.runtime import tasks, telemetry
from services.runtime.bus import Bus

log = structlog.get_logger(__name__)

HEARTBEAT_S = 0.3
EXPIRY = timedelta(seconds=1.2)
"""Four heartbeats: a stall of one second is survived, and with a worker's start a dead worker's
sessions go on within 2 s."""

RETRY_S = 1.0
MAX_RETRY_S = 32.0
"""A session whose work failed is offered again after this, perhaps to another worker."""

CLEANING_S = 3.0
"""A session's work lets go of its analysis and publishes its last accounting in this time."""

ASK_DELAY_S = 0.15
"""A full worker's delay before it asks; an idle one asks at once."""


class LeaseRecord(BaseModel):
    """The value of a key of the leases bucket."""

    worker: str
    incarnation: str
    done: bool = False
    """The holder has finished with the session: nobody need take it."""


@dataclass(eq=False)
class Lease:
    """One session in this worker's hands."""

    info: SessionInfo
    revision: int
    """Of the bucket, when it was taken: grows from lease to lease."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the candidate is done: flush, publish the last, return."""
    erased: bool = False
    """Nothing may be said of the session any more."""
    lost: bool = False
    """Another worker has taken it."""
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    record: LeaseRecord | None
    """None: let go; the key's tombstone still has a revision to compare with."""
    revision: int


class Leases:
    """Takes and keeps leases of one kind; runs `work` for each session it holds.

    `work` returns when the session is finished for this kind; it is cancelled when
    the lease is lost or the worker stops.
    """

    def __init__(
        self,
        bus: Bus,
        kind: Kind.ValueType,
        worker: str,
        capacity: int,
        work: Callable[[Lease], Awaitable[None]],
    ) -> None:
        self._bus = bus
        self._kind = Kind.Name(kind).removeprefix("KIND_").lower()
        self._me = LeaseRecord(worker=worker, incarnation=secrets.token_hex(4))
        self._capacity = capacity
        self._work = work
        self._sessions: dict[str, SessionInfo] = {}
        self._all_told = False
        """Every session that is going on is among them."""
        self._held: dict[str, _Held] = {}
        self._beats: dict[str, tuple[LeaseRecord, datetime]] = {}
        self._server_now: datetime | None = None
        self._news = asyncio.Event()
        """Something was told of a session or a worker, if only the time."""
        self._mine: dict[str, Lease] = {}
        self._failures: Counter[str] = Counter()
        self._asking: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._load = telemetry.SESSIONS.labels(self._kind)

    async def serve(self) -> None:
        """Until cancelled; then lets go of every lease so that others go on at once."""
        beat = asyncio.create_task(self._beat())
        loops = [
            asyncio.create_task(each)
            for each in (self._watch_sessions(), self._watch_leases(), self._scan())
        ]
        try:
            done, _ = await asyncio.wait([beat, *loops], return_when=asyncio.FIRST_COMPLETED)
            for loop in done:
                loop.result()  # they end by an error alone
        finally:
            await tasks.end(loops)
            await self._let_go()
            await tasks.end([beat])
            await self._delete(f"{self._kind}.worker.{self._me.worker}")

    # --- what the others do

    async def _watch_sessions(self) -> None:
        async for entry in self._bus.watch(self._bus.sessions, ">"):
            if entry is None:
                self._all_told = True
                continue
            self._on_session(entry)
            self._news.set()

    def _on_session(self, entry: KeyValue.Entry) -> None:
        gone = entry.operation in (KV_DEL, KV_PURGE)
        info = SessionInfo() if gone else SessionInfo.FromString(entry.value or b"")
        if gone or info.closed:
            self._sessions.pop(entry.key, None)
            self._failures.pop(entry.key, None)
            self._held.pop(entry.key, None)
            lease = self._mine.get(entry.key)
            if lease and gone and lease.task:
                lease.erased = True
                self._end(lease.task)
            elif lease:  # a watch that was interrupted tells of the last change alone
                lease.ended.set()
            return
        self._sessions[entry.key] = info
        if lease := self._mine.get(entry.key):
            lease.info = info
            if info.ended:
                lease.ended.set()

    async def _watch_leases(self) -> None:
        async for entry in self._bus.watch(self._bus.leases, f"{self._kind}.>"):
            if entry is not None:
                self._on_lease(entry)
                self._news.set()

    def _on_lease(self, entry: KeyValue.Entry) -> None:
        # nats-py declares it an int; it is the message's server timestamp.
        created = cast(datetime, entry.created)
        revision = entry.revision or 0
        self._server_now = max(created, self._server_now or created)
        _, what, name = entry.key.split(".", 2)
        if entry.operation in (KV_DEL, KV_PURGE):
            if what == "worker":
                self._beats.pop(name, None)
            else:
                self._hold(name, _Held(None, revision))
            return
        record = LeaseRecord.model_validate_json(entry.value or b"")
        if what == "worker":
            self._beats[name] = (record, created)
            return
        self._hold(name, _Held(record, revision))
        lease = self._mine.get(name)
        if lease and not self._is_me(record) and revision > lease.revision:
            log.warning("lease lost", session=name, kind=self._kind)
            lease.lost = True
            if lease.task:
                self._end(lease.task)

    def _hold(self, session_id: str, held: _Held) -> None:
        """Unless it is the last that is told of a session that is closed or erased."""
        last = held.record is None or held.record.done
        if last and self._all_told and session_id not in self._sessions:
            self._held.pop(session_id, None)
        else:
            self._held[session_id] = held

    def _end(self, work: asyncio.Task[None]) -> None:
        """The session was erased, or the lease lost."""
        ending = asyncio.create_task(tasks.end([work], CLEANING_S))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _is_me(self, record: LeaseRecord) -> bool:
        return record.incarnation == self._me.incarnation

    def _alive(self, record: LeaseRecord) -> bool:
        beat = self._beats.get(record.worker)
        if beat is None or self._server_now is None:
            return False
        latest, at = beat
        # The same name under another incarnation: that process is gone.
        return latest.incarnation == record.incarnation and self._server_now - at < EXPIRY

    # --- what this worker does

    async def _beat(self) -> None:
        key = f"{self._kind}.worker.{self._me.worker}"
        while True:
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
                await self._bus.leases.put(key, self._me.model_dump_json().encode())
            await asyncio.sleep(HEARTBEAT_S)

    async def _scan(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            # Until the own heartbeat came back nothing is known of the others.
            if self._me.worker not in self._beats:
                continue
            for session_id in self._free():
                load = (len(self._mine) + len(self._asking)) / self._capacity
                if load >= 1:
                    break
                self._ask_later(session_id, load * ASK_DELAY_S)

    def _free(self) -> list[str]:
        asked = {task.get_name() for task in self._asking}
        return [
            session_id
            for session_id in self._sessions
            if session_id not in self._mine
            and session_id not in asked
            and not self._taken(session_id)
        ]

    def _taken(self, session_id: str) -> bool:
        """Whether a live worker has the session, or it needs none any more."""
        held = self._held.get(session_id)
        record = held.record if held else None
        if record is None or record.done:
            return record is not None
        if self._is_me(record):
            # Else a lease whose confirmation was lost, or that could not be let go.
            return session_id in self._mine
        return self._alive(record)

    def _ask_later(self, session_id: str, delay: float) -> None:
        task = asyncio.create_task(self._ask(session_id, delay), name=session_id)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, session_id: str, delay: float) -> None:
        await asyncio.sleep(delay)
        if self._taken(session_id):
            return
        held = self._held.get(session_id)
        key = f"{self._kind}.session.{session_id}"
        try:
            revision = await self._bus.leases.update(
                key, self._me.model_dump_json().encode(), last=held.revision if held else 0
            )
        except nats.js.errors.KeyWrongLastSequenceError:
            return  # another worker was sooner, or the key was deleted: the watch tells
        except (nats.errors.Error, nats.js.errors.Error) as error:
            log.warning("could not ask for a lease", session=session_id, error=repr(error))
            return
        if (info := self._sessions.get(session_id)) is None:
            return  # erased meanwhile
        takeover = bool(held and held.record and not self._is_me(held.record))
        if takeover:
            telemetry.TAKEOVERS.labels(self._kind).inc()
        log.info("lease taken", session=session_id, kind=self._kind, takeover=takeover)
        lease = Lease(info, revision)
        if info.ended:
            lease.ended.set()
        self._mine[session_id] = lease
        self._load.set(len(self._mine))
        lease.task = asyncio.create_task(self._run(lease), name=f"{self._kind} {session_id}")

    async def _run(self, lease: Lease) -> None:
        session_id = lease.info.session_id
        finished = False
        try:
            await self._work(lease)
            finished = True
        except asyncio.CancelledError:
            raise
        except Exception:  # one session's failure must not take the others along
            self._failures[session_id] += 1
            log.exception("session failed", session=session_id, kind=self._kind)
            # Ever more slowly: what fails for the session's own sake fails again.
            await asyncio.sleep(min(MAX_RETRY_S, RETRY_S * 2 ** (self._failures[session_id] - 1)))
            await self._give_back(lease)
        finally:
            if finished:
                self._failures.pop(session_id, None)
                await self._mark_done(lease)
            del self._mine[session_id]
            self._load.set(len(self._mine))

    async def _mark_done(self, lease: Lease) -> None:
        record = self._me.model_copy(update={"done": True})
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
            await self._bus.leases.update(
                f"{self._kind}.session.{lease.info.session_id}",
                record.model_dump_json().encode(),
                last=lease.revision,
            )

    async def _let_go(self) -> None:
        await tasks.end(self._asking)  # first: one that is cancelled may still get its lease
        leases = list(self._mine.values())
        working = [lease.task for lease in leases if lease.task]
        cleaning = asyncio.create_task(tasks.end([*working, *self._ending], CLEANING_S))
        # Who goes on speaking is heard by others at once, while the last words are told here; of
        # a session that has ended nobody says that it is done before they are.
        for lease in (each for each in leases if not each.ended.is_set()):
            await self._give_back(lease)
        await cleaning
        for lease in (each for each in leases if each.ended.is_set()):
            await self._give_back(lease)

    async def _give_back(self, lease: Lease) -> None:
        await self._delete(f"{self._kind}.session.{lease.info.session_id}", lease.revision)

    async def _delete(self, key: str, revision: int | None = None) -> None:
        """Best effort: a lease that can't be deleted expires with the heartbeat, or is taken
        again by this worker."""
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
            await self._bus.leases.delete(key, last=revision)
