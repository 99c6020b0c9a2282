"""A session's media on its way to NATS: bounded, in order, every frame accounted for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import nats.errors
import structlog
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

from gateway.clock import now_us
from services.runtime import tasks, telemetry
from services.runtime.bus import Bus
from services.runtime.ledger import Ledger
from services.runtime.media import MAX_AGE_US, newest_us

log = structlog.get_logger(__name__)

MAX_WAITING = 64
"""Messages that wait only while the server stands still: two seconds of sound and picture."""

DRAIN_S = 0.5
"""What waits at the end is sent within this, or dropped."""


class Outlet:
    """One task sends what the connection puts in; use `start`, then `close`."""

    def __init__(self, bus: Bus, video: Ledger) -> None:
        self._bus = bus
        self._video = video
        self._waiting: deque[VideoFrame | AudioChunk] = deque()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def put(self, message: VideoFrame | AudioChunk) -> None:
        """Takes over the message's accounting."""
        if self._task is None or self._task.done():
            self._drop(message, "connection_closed")
        elif len(self._waiting) >= MAX_WAITING:
            self._drop(message, "bus_slow")
        else:
            self._waiting.append(message)
            self._wake.set()

    async def close(self) -> None:
        """When it returns everything is sent or dropped."""
        if self._task is None:
            return
        if self._waiting:
            self._drained.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._drained.wait()
        await tasks.end([self._task])
        while self._waiting:
            self._drop(self._waiting.popleft(), "connection_closed")

    async def _run(self) -> None:
        while True:
            while self._waiting:
                # It stays in the line until its fate is known, should this be cancelled.
                message = self._waiting[0]
                try:
                    await self._send(message)
                except nats.errors.Error as error:  # too large, perhaps: it costs itself alone
                    log.warning("not published", error=repr(error), size=message.ByteSize())
                    self._drop(message, "error")
                self._waiting.popleft()
            self._drained.set()
            self._wake.clear()
            await self._wake.wait()

    async def _send(self, message: VideoFrame | AudioChunk) -> None:
        now = now_us()
        if now - newest_us(message) > MAX_AGE_US:
            self._drop(message, "stale")
            return
        message.publish_time_us = now
        if isinstance(message, AudioChunk):
            sent = await self._bus.publish_audio(message)
        else:
            sent = await self._bus.publish_video(message)
        if not sent:
            self._drop(message, "bus_away")
        elif isinstance(message, VideoFrame):
            self._video.processed()

    def _drop(self, message: VideoFrame | AudioChunk, reason: str) -> None:
        if isinstance(message, VideoFrame):
            self._video.drop(reason)
        else:  # the ledger counts packets, which became sound before they came here
            telemetry.ITEMS.labels("gateway_chunk", "dropped", reason).inc()
