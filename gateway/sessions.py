"""All sessions at this gateway: opening, admission, and the end of those left alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

import nats.errors
import structlog
from greenroom.v1.session_pb2 import SessionInfo
from nats.aio.subscription import Subscription
from nats.js.kv import KV_DEL, KV_PURGE
from prometheus_client import Gauge

from gateway.capture_clock import WallClock
from gateway.clock import now_us
from gateway.errors import ApiError
from gateway.live import LiveSession, session_ended
from gateway.load import Load
from gateway.registry import Registry
from gateway.settings import GatewaySettings
from gateway.video import decoder_threads
from services.runtime.bus import Bus
from services.runtime.media import MICROSECONDS

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
ADOPT_S = 10.0
"""How often sessions are looked for that no gateway looks after."""

RETRY_AFTER_S = 30

WAITING_PLACES = 4
"""Sessions that may wait for their connection, for each that may be connected."""

ROOM = "gateways.room"
"""On the bus: a gateway answers here as long as it has room for another session, with the
address at which other gateways reach it."""

ROOM_PATIENCE_S = 0.5
"""Who is slow to say that there is room has none."""

CLOSE_PATIENCE_S = 5.0
"""For all sessions together when the gateway stops."""

CONNECTED = Gauge("greenroom_gateway_sessions", "Sessions at this gateway", ["state"])


class Sessions:
    """Opens sessions on demand; `watch` ends them when their time is over."""

    def __init__(
        self, bus: Bus, registry: Registry, settings: GatewaySettings, load: Load, home: str
    ) -> None:
        """home: URL at which other gateways reach this one; empty for none."""
        self._bus = bus
        self._registry = registry
        self._settings = settings
        self._load = load
        self._home = home
        self._live: dict[str, LiveSession] = {}
        self._joining: set[str] = set()
        """Sessions whose offer is being answered: they have a place already."""
        self._making = 0
        """Sessions that are being made: there is a place less already."""
        self._room: Subscription | None = None
        """While others are told that there is room."""
        self._telling = asyncio.Lock()
        self._going: dict[str, SessionInfo] = {}
        """All sessions that have not ended, at any gateway, by the bucket."""
        self._gone: set[str] = set()
        """Live here, but ended or erased by another gateway."""
        self._opening = asyncio.Lock()
        self._executor = decoder_threads()
        self._adopted_us = now_us()
        self._wall = WallClock()
        self._orphans: set[str] = set()
        """Sessions that nobody looked after when that was last asked."""

    def get(self, session_id: str) -> LiveSession | None:
        return self._live.get(session_id)

    async def open(self, info: SessionInfo) -> LiveSession:
        """The live session of `info`, new at this gateway if it has to be.

        Raises ApiError 410 when it has ended meanwhile.
        """
        async with self._opening:
            live = self._live.get(info.session_id)
            if live is None:
                live = LiveSession(
                    info, self._bus, self._registry, self._settings, self._executor, self._load
                )
                try:
                    await live.open(self._home)
                    self._live[info.session_id] = live
                    ended = await self._has_ended(info.session_id)
                except BaseException:  # the bus is away: nobody shall take this for its home
                    self._live.pop(info.session_id, None)
                    await live.close("not opened")
                    raise
                if ended:
                    await self._let_go(info.session_id, "ended")
                    raise session_ended()
            return live

    async def _has_ended(self, session_id: str) -> bool:
        try:
            return (await self._registry.find(session_id)).ended
        except ApiError:  # erased, which the watch tells; or a replica that does not know it yet
            return False

    async def connect(self, info: SessionInfo, offer: str) -> tuple[str, str]:
        """(connection's id, SDP answer) of a WHIP offer. Raises ApiError."""
        with self._place(info.session_id):
            live = await self.open(info)
            return await live.connect(offer)

    @contextlib.asynccontextmanager
    async def another(self, *, with_room: bool) -> AsyncIterator[None]:
        """Around the making of a session. Raises ApiError 503 when this gateway can't take it.

        with_room: only where it is sure of a place once it connects.
        """
        here = len(self._live) + self._making
        if here >= self._settings.max_sessions * (1 + WAITING_PLACES) or (
            with_room and not self._has_room
        ):
            raise full("All places are taken at the moment.")
        self._admit("")
        self._making += 1
        try:
            yield
        finally:
            self._making -= 1
            await self.tell_room()

    @property
    def _has_room(self) -> bool:
        """Even if all who wait for their connection get it."""
        here = len(self._live) + self._making
        return here < self._settings.max_sessions and not self._load.busy

    async def elsewhere(self) -> str:
        """Address of another gateway that has room, when this one has none; else empty."""
        if self._has_room:
            return ""
        await self.tell_room()  # or it would be told of itself
        return (await self._bus.ask(ROOM, ROOM_PATIENCE_S) or b"").decode()

    async def tell_room(self) -> None:
        """Answer other gateways that ask for room, or no longer. Again with each sweep, should
        the bus be away now."""
        async with self._telling:
            with contextlib.suppress(nats.errors.Error):
                if self._has_room and self._home and self._room is None:
                    self._room = await self._bus.answer(ROOM, self._home.encode)
                elif self._room is not None and not self._has_room:
                    room, self._room = self._room, None
                    await room.unsubscribe()

    @contextlib.contextmanager
    def _place(self, session_id: str) -> Iterator[None]:
        live = self._live.get(session_id)
        if not (live and live.ever_connected):  # who was connected may come back
            self._admit(session_id)
        self._joining.add(session_id)
        try:
            yield
        finally:
            self._joining.discard(session_id)

    def _admit(self, session_id: str) -> None:
        connected = {live.id for live in self._live.values() if live.peer is not None}
        if len((connected | self._joining) - {session_id}) >= self._settings.max_sessions:
            raise full("All places are taken at the moment.")
        if self._load.busy:
            raise full("This machine is short of time for another session.")

    async def end(self, session_id: str, reason: str) -> None:
        """End a session for good; its report is written from what is there."""
        await self._let_go(session_id, reason)
        await self._registry.end(session_id, reason)
        await self._let_go(session_id, reason)  # opened again by a request meanwhile
        log.info("session ended", session=session_id, reason=reason)

    async def forget(self, session_id: str) -> None:
        """Let go of a session that was erased."""
        await self._let_go(session_id, "erased")

    async def _let_go(self, session_id: str, reason: str) -> None:
        if live := self._live.pop(session_id, None):
            await live.close(reason)

    async def watch(self) -> None:
        """Until cancelled: end the sessions whose candidate is gone or whose time is over."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow_bucket())
                    group.create_task(self._sweep_on())
            except* Exception:  # the bus may be away for a moment: then it starts anew
                log.exception("watch failed")
            await asyncio.sleep(SWEEP_S)

    async def _follow_bucket(self) -> None:
        async for entry in self._bus.watch(self._bus.sessions, ">"):
            if entry is None:
                continue
            gone = entry.operation in (KV_DEL, KV_PURGE)
            info = SessionInfo() if gone else SessionInfo.FromString(entry.value or b"")
            if gone or info.ended:
                self._going.pop(entry.key, None)
                if entry.key in self._live:
                    self._gone.add(entry.key)
            else:
                self._going[entry.key] = info

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._sweep()

    async def _sweep(self) -> None:
        now = now_us()
        if self._wall.was_set(now, time.monotonic_ns() // 1_000):
            log.warning("the machine's clock was set")
            for live in self._live.values():
                live.clock_was_set()
        while self._gone:
            await self._let_go(self._gone.pop(), "ended")
        if now - self._adopted_us > ADOPT_S * MICROSECONDS:
            self._adopted_us = now
            await self._adopt_orphans()
        for live in list(self._live.values()):
            if live.unreachable and live.peer:
                await live.disconnect("unreachable", live.peer)
            if reason := self._over(live, now):
                await self._end_or_leave(live.id, reason)
        await self.tell_room()
        connected = sum(1 for live in self._live.values() if live.connected)
        CONNECTED.labels("connected").set(connected)
        CONNECTED.labels("waiting").set(len(self._live) - connected)

    def _over(self, live: LiveSession, now: int) -> str:
        if live.info.expires_us < now:
            return "expired"
        if live.peer is not None or live.id in self._joining:
            return ""
        grace = self._settings.grace_seconds
        patience_s = grace if live.ever_connected else self._settings.unused_minutes * 60
        return "connection lost" if now - live.last_seen_us > patience_s * MICROSECONDS else ""

    async def _end_or_leave(self, session_id: str, reason: str) -> None:
        """A session that is connected to another gateway is that one's to end."""
        if reason == "connection lost" and await self._bus.has_media(session_id):
            await self._let_go(session_id, "at another gateway")
        else:
            await self.end(session_id, reason)

    async def _adopt_orphans(self) -> None:
        """Sessions of a gateway that died: their grace time begins here, or, where nobody was
        connected yet, the longer one that each has for that.

        One is an orphan that nobody looks after in two rounds: a gateway that lives may not be
        back yet after a restart of the bus.
        """
        before, self._orphans = self._orphans, set()
        if not self._bus.connected:
            return
        for session_id in [*self._going]:
            info = self._going.get(session_id)
            if info is None or session_id in self._live:
                continue
            if await self._bus.ask(f"gateway.{session_id}") is not None:
                continue
            if session_id not in before:
                self._orphans.add(session_id)
                continue
            # Ended meanwhile, or the bus is away: then it is looked at again.
            with contextlib.suppress(ApiError, nats.errors.Error):
                begun = await self._bus.has_begun(session_id)
                live = await self.open(info)
                live.ever_connected |= begun

    async def close(self) -> None:
        """The gateway stops: its sessions wait for another one."""
        if self._room:
            with contextlib.suppress(nats.errors.Error):  # the bus may be gone already
                await self._room.unsubscribe()
        closing = [
            asyncio.create_task(live.close("gateway stopped")) for live in self._live.values()
        ]
        self._live.clear()
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_PATIENCE_S)
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)


def full(why: str) -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        why,
        f"Try again in {RETRY_AFTER_S} seconds.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )
