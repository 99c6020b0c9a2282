"""A session while it is at this gateway: its connection, its counts, who listens to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import nats.errors
import structlog
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import (
    Hint,
    MediaConnected,
    MediaDisconnected,
    SessionEvent,
    SessionInfo,
)
from greenroom.v1.signals_pb2 import Signal, VoiceEvent
from nats.aio.subscription import Subscription

from gateway.clock import now_us
from gateway.errors import ApiError
from gateway.load import Load
from gateway.outlet import Outlet
from gateway.peer import MediaSink, Peer
from gateway.registry import Registry
from gateway.settings import GatewaySettings
from services.runtime import tasks
from services.runtime.accounts import ACCOUNTING_S, Accounts
from services.runtime.bus import Bus, SessionMessage
from services.runtime.ledger import Ledger

log = structlog.get_logger(__name__)

HINT_MAX_AGE_US = 3_000_000
"""A hint that comes later (after a takeover) is of no use to somebody who speaks."""

CONNECT_PATIENCE_US = 30_000_000
"""From the answer to a connection that stands: ICE and DTLS over a bad network take seconds."""

LAST_WORDS_S = 2.0
"""At a session's end, for what is still to be said of it on the bus."""

SETUP_EVERY_US = 800_000
"""Just under a second: state signals come every 200 ms."""

MAX_LISTENERS = 8
"""Readers of one session's events: a page, its reload, a tool beside it."""

LISTENER_LIMIT = 64
"""Messages that may wait for one reader of server-sent events; a slower one loses the oldest."""


class Listener:
    """One reader of a session's server-sent events: a bounded mailbox."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(LISTENER_LIMIT)

    def put(self, message: dict[str, Any]) -> None:
        if self._messages.full():
            self._messages.get_nowait()
        self._messages.put_nowait(message)

    async def get(self) -> dict[str, Any]:
        return await self._messages.get()


class LiveSession:
    """One session at this gateway, over all its connections."""

    def __init__(
        self,
        info: SessionInfo,
        bus: Bus,
        registry: Registry,
        settings: GatewaySettings,
        executor: ThreadPoolExecutor,
        load: Load,
    ) -> None:
        self.info = info
        self.id = info.session_id
        self.peer: Peer | None = None
        self.peer_id = ""
        self.connected = False
        self.current_question: str | None = None
        self.last_seen_us = now_us()
        self.ever_connected = False
        self._bus = bus
        self._registry = registry
        self._settings = settings
        self._executor = executor
        self._load = load
        self._video = Ledger("gateway_video")
        self._audio = Ledger("gateway_audio")
        self._outlet = Outlet(bus, self._video)
        self._last_peer: Peer | None = None
        self._connections = 0
        lease = now_us()
        self._accounts = [
            Accounts(bus, kind, self.id, "gateway", lease, ledger.accounting)
            for kind, ledger in (
                (Kind.KIND_GATEWAY_VIDEO, self._video),
                (Kind.KIND_GATEWAY_AUDIO, self._audio),
            )
        ]
        self._listeners: set[Listener] = set()
        self._subscriptions: list[Subscription] = []
        self._accountant: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = ""
        """Why, once it is."""
        self._lock = asyncio.Lock()
        self._setup_shown: dict[str, int] = {}

    # --- the connection

    async def open(self, home: str) -> None:
        """Begin to account for media and to pass on what is said of the session.

        home: where other gateways reach this one.
        """
        for subject in (
            f"hints.{self.id}",
            f"signals.{self.id}.voice",
            f"signals.{self.id}.face",
        ):
            self._subscriptions.append(await self._bus.listen(subject, self._pass_on))
        self._subscriptions.append(await self._bus.answer(f"gateway.{self.id}", home.encode))
        self._outlet.start()
        self._accountant = asyncio.create_task(self._account())

    async def connect(self, offer: str) -> tuple[str, str]:
        """Answer a WHIP offer; an earlier connection of the session is replaced.

        Returns (the connection's id, SDP answer). Raises ApiError. Whoever goes meanwhile is
        answered first (aioice's patience with STUN and TURN servers is 5 s) and then let go.
        """
        answering = asyncio.create_task(self._answer(offer))
        try:
            _, connection, answer = await asyncio.shield(answering)
        except asyncio.CancelledError:
            await asyncio.wait([answering])
            if answering.exception() is None:
                await self.disconnect("candidate", answering.result()[0])
            raise
        return connection, answer

    async def _answer(self, offer: str) -> tuple[Peer, str, str]:
        async with self._lock:
            if self._closed:
                raise session_ended()
            peer = Peer(
                self.id,
                self._consented,
                self._settings,
                self._executor,
                MediaSink(self._outlet.put, self._video, self._audio, self._load.waited),
                lambda state: self._on_state(peer, state),
            )
            answer = await peer.answer(offer)
            await self._close_peer("replaced")
            self._connections += 1
            self.peer, self.peer_id = peer, str(self._connections)
            if self._last_peer:
                peer.follow(self._last_peer)
            return peer, self.peer_id, answer

    @property
    def _consented(self) -> frozenset[str]:
        consent = self.info.consent
        kinds = {"video": consent.camera, "audio": consent.microphone}
        return frozenset(kind for kind, given in kinds.items() if given)

    @property
    def unreachable(self) -> bool:
        """The connection was answered, but never came to stand."""
        if self.peer is None or self.connected:
            return False
        return now_us() - self.peer.since_us > CONNECT_PATIENCE_US

    def clock_was_set(self) -> None:
        """The machine's: what was learned of the sender's clock against it is void."""
        if self.peer:
            self.peer.clock_was_set()

    async def disconnect(self, reason: str, peer: Peer) -> None:
        """Close this connection, unless another one has taken its place meanwhile."""
        async with self._lock:
            if self.peer is peer:
                await self._close_peer(reason)

    async def _close_peer(self, reason: str) -> None:
        peer, self.peer = self.peer, None
        if peer is None:
            return
        await peer.close()
        self._last_peer = peer
        if self.connected:
            self.connected = False
            disconnected = MediaDisconnected(reason=reason, connection=self._connections)
            self._start(self._say(SessionEvent(media_disconnected=disconnected)))
        self.last_seen_us = now_us()

    def _on_state(self, peer: Peer, state: str) -> None:
        if peer is not self.peer:
            return
        if state == "connected" and not self.connected:
            self.connected = self.ever_connected = True
            event = MediaConnected(
                video="video" in peer.kinds,
                audio="audio" in peer.kinds,
                connection=self._connections,
            )
            self._start(self._say(SessionEvent(media_connected=event)))
        elif state in ("failed", "closed"):
            self._start(self.disconnect(state, peer))

    async def _say(self, event: SessionEvent) -> None:
        await self._registry.say(self.id, event)

    async def _account(self) -> None:
        while True:
            await asyncio.sleep(ACCOUNTING_S)
            with contextlib.suppress(nats.errors.Error):  # the next one says all of it again
                await self._publish_accounting(final=False)

    async def _publish_accounting(self, *, final: bool) -> None:
        for accounts in self._accounts:
            await accounts.publish(final=final)

    # --- to the page

    def subscribe(self) -> Listener:
        """Raises ApiError 410 when the session has ended, 429 for too many listeners."""
        if self._closed:
            raise session_ended()
        if len(self._listeners) >= MAX_LISTENERS:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{MAX_LISTENERS} readers of this session's events are connected.",
                "Close one of them.",
                {"Retry-After": "1"},
            )
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def unsubscribe(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    async def _pass_on(self, message: SessionMessage) -> None:
        if isinstance(message, Hint):
            if now_us() - message.header.capture_time_us > HINT_MAX_AGE_US:
                log.info("late hint not shown", session=self.id)
                return
            self.tell(hint_message(message), channel=True)
        elif isinstance(message, Signal) and message.HasField("transcript"):
            transcript = message.transcript
            self.tell(
                {
                    "type": "caption",
                    "utterance": transcript.utterance,
                    "final": transcript.final,
                    "text": transcript.text,
                }
            )
        elif isinstance(message, Signal) and self.current_question is None:
            self._show_setup(message)

    def _show_setup(self, signal: Signal) -> None:
        """Before the first question: what camera and microphone give, about once a second."""
        body = signal.WhichOneof("body")
        if body is None or signal.start_us - self._setup_shown.get(body, 0) < SETUP_EVERY_US:
            return
        if (made := setup_message(signal)) is not None:
            self._setup_shown[body] = signal.start_us
            self.tell(made)

    def tell(self, message: dict[str, Any], *, channel: bool = False) -> None:
        """To every listener, and on the data channel if asked."""
        if channel and self.peer:
            self.peer.send(json.dumps(message))
        for listener in self._listeners:
            listener.put(message)

    # --- the end

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("session task failed", session=self.id, error=repr(error))

    async def close(self, reason: str) -> None:
        """Let go of everything here. The session itself may go on elsewhere."""
        self._closed = self._closed or reason
        async with self._lock:
            await self._close_peer(reason)
        await self._outlet.close()
        for subscription in self._subscriptions:
            with contextlib.suppress(nats.errors.Error):  # the bus may be gone already
                await subscription.unsubscribe()
        self._subscriptions.clear()
        if self._accountant:
            await tasks.end([self._accountant])
            self._accountant = None
        with contextlib.suppress(nats.errors.Error, TimeoutError):  # when the bus is away
            async with asyncio.timeout(LAST_WORDS_S):
                if self._tasks:
                    await asyncio.wait(self._tasks)
                await self._publish_accounting(final=True)
        await tasks.end(self._tasks)
        self.tell({"type": "state", "state": "closed", "reason": reason})


def session_ended() -> ApiError:
    return ApiError(
        HTTPStatus.GONE, "This session has ended.", "Read its report, or start a new practice."
    )


def setup_message(signal: Signal) -> dict[str, Any] | None:
    """What helps a candidate to sit and sound well before the start; None for other signals."""
    if signal.HasField("face_state"):
        face = signal.face_state
        seen = face.frames_with_face > 0
        return {
            "type": "picture",
            "faces": face.faces,
            "face_width": round(face.face_width, 3) if seen else None,
            "centre_x": round(face.centre_x, 3) if seen else None,
            "centre_y": round(face.centre_y, 3) if seen else None,
            "brightness": round(face.brightness, 3) if seen else None,
            "calibrated": face.HasField("eye_contact"),
        }
    if signal.HasField("voice_state"):
        voice = signal.voice_state
        return {
            "type": "sound",
            "speech": round(voice.speech, 2),
            "loudness_dbfs": round(voice.loudness_dbfs, 1),
            "noise_dbfs": round(voice.noise_dbfs, 1) if voice.HasField("noise_dbfs") else None,
            "silent": voice.digital_silence,
        }
    if signal.HasField("voice_event") and signal.voice_event.type == VoiceEvent.LEVEL:
        return {"type": "level", "detail": signal.voice_event.detail}
    return None


def hint_message(hint: Hint) -> dict[str, Any]:
    """A hint as the page gets it, well under the data channel's limit."""
    return {
        "type": "hint",
        "id": hint.hint_id,
        "trigger": hint.trigger,
        "text": hint.text,
        "icon": hint.icon,
        "positive": hint.positive,
        "show_ms": hint.show_ms,
        "capture_us": hint.header.capture_time_us,
        "decided_us": hint.decided_us,
    }
