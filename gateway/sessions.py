"""All sessions at this gateway: opening, admission, and the end of those left alone."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import structlog
from greenroom.v1.session_pb2 import SessionInfo
from nats.js.errors import NoKeysError
from prometheus_client import Gauge

from gateway.errors import ApiError
from gateway.live import LiveSession
from gateway.registry import Registry
from gateway.settings import GatewaySettings
from services.runtime.bus import Bus, now_us
from services.runtime.media import MICROSECONDS

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
ADOPT_S = 10.0
"""How often the bucket is searched for sessions that no gateway looks after."""

RETRY_AFTER_S = 30

CONNECTED = Gauge("greenroom_gateway_sessions", "Sessions at this gateway", ["state"])


class Sessions:
    """Opens sessions on demand; `watch` ends them when their time is over."""

    def __init__(self, bus: Bus, registry: Registry, settings: GatewaySettings) -> None:
        self._bus = bus
        self._registry = registry
        self._settings = settings
        self._live: dict[str, LiveSession] = {}
        self._opening = asyncio.Lock()
        # Decoding releases the GIL: a thread for each core is all that helps.
        self._executor = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
        self._adopted_us = 0

    def get(self, session_id: str) -> LiveSession | None:
        return self._live.get(session_id)

    async def open(self, info: SessionInfo) -> LiveSession:
        """The live session of `info`, new at this gateway if it has to be."""
        async with self._opening:
            live = self._live.get(info.session_id)
            if live is None:
                live = LiveSession(info, self._bus, self._registry, self._settings, self._executor)
                await live.open()
                self._live[info.session_id] = live
            return live

    def admit(self, session_id: str) -> None:
        """Raises ApiError 503 when this gateway is full; a known connection may come back."""
        live = self._live.get(session_id)
        if live and live.ever_connected:
            return
        busy = sum(1 for other in self._live.values() if other.peer is not None)
        if busy >= self._settings.max_sessions:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "All places are taken at the moment.",
                f"Try again in {RETRY_AFTER_S} seconds.",
                {"Retry-After": str(RETRY_AFTER_S)},
            )

    async def end(self, session_id: str, reason: str) -> None:
        """End a session for good; its report is written from what is there."""
        live = self._live.pop(session_id, None)
        if live:
            await live.close(reason)
        await self._registry.end(session_id, reason)
        log.info("session ended", session=session_id, reason=reason)

    async def forget(self, session_id: str) -> None:
        """Let go of a session that was erased."""
        if live := self._live.pop(session_id, None):
            await live.close("erased")

    async def watch(self) -> None:
        """Until cancelled: end the sessions whose candidate is gone or whose time is over."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._sweep()
            except Exception:  # the bus may be away for a moment; the next round tries again
                log.exception("sweep failed")

    async def _sweep(self) -> None:
        now = now_us()
        if now - self._adopted_us > ADOPT_S * MICROSECONDS:
            self._adopted_us = now
            await self._adopt_orphans()
        for live in list(self._live.values()):
            if reason := self._over(live, now):
                await self.end(live.id, reason)
        connected = sum(1 for live in self._live.values() if live.connected)
        CONNECTED.labels("connected").set(connected)
        CONNECTED.labels("waiting").set(len(self._live) - connected)

    def _over(self, live: LiveSession, now: int) -> str:
        if live.info.expires_us < now:
            return "expired"
        if live.peer is not None:
            return ""
        grace = self._settings.grace_seconds
        patience_s = grace if live.ever_connected else self._settings.unused_minutes * 60
        return "connection lost" if now - live.last_seen_us > patience_s * MICROSECONDS else ""

    async def _adopt_orphans(self) -> None:
        """Sessions of a gateway that died: unless their media flows through another one,
        their grace time begins here."""
        try:
            keys = await self._bus.sessions.keys()
        except NoKeysError:
            return
        for session_id in keys:
            if session_id in self._live:
                continue
            info = await self._registry.find(session_id)
            if not info.ended and not await self._bus.has_media(session_id):
                live = await self.open(info)
                live.ever_connected = True

    async def close(self) -> None:
        """The gateway stops: its sessions wait for another one."""
        for live in list(self._live.values()):
            await live.close("gateway stopped")
        self._live.clear()
        await asyncio.to_thread(self._executor.shutdown)
