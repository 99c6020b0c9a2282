"""The typed bus: media on core NATS, signals, events and hints on JetStream.

One JetStream stream holds the signals, events and hints of every session, so
that a session has one total order, which every replay sees alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import nats
import structlog
from google.protobuf.message import DecodeError
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Hint, SessionEvent, SessionInfo, SessionStarted
from greenroom.v1.signals_pb2 import Signal
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, KeyValueConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, KeyNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from services.runtime.settings import RuntimeSettings
from services.runtime.telemetry import trace_headers

log = structlog.get_logger(__name__)

STREAM = "SESSIONS"
SESSIONS_BUCKET = "sessions"
LEASES_BUCKET = "leases"

IN_USE = 10_058
"""JetStream's error code: the stream exists, with other settings."""

DUPLICATE_WINDOW_S = 120
"""How long JetStream remembers message ids: longer than any retry or takeover."""

PUBLISH_TIMEOUT_S = 2.0
PUBLISH_PATIENCE_S = 30.0
"""A signal is tried again, under the same message id, through a restart of the server."""

ASK_PATIENCE_S = 2.0
"""A process that is busy for longer counts as dead; of one that is dead the server knows at once,
unless its machine is."""

STOP_S = 0.3
"""From a session's erasure until nobody works on it any more, but for a thread's last look."""

MEDIA_PENDING = 64
"""Messages that nats-py may hold for a media subscription before it drops: the callback
drains at once, so this is reached only when the event loop itself stands still."""

SUBJECTS: dict[Kind.ValueType, str] = {
    Kind.KIND_FACE: "face",
    Kind.KIND_GESTURE: "gesture",
    Kind.KIND_VOICE: "voice",
    Kind.KIND_ANSWERS: "answers",
    Kind.KIND_GATEWAY_VIDEO: "gateway",
    Kind.KIND_GATEWAY_AUDIO: "gateway",
}
ACCOUNTING_SUBJECT = "accounting"
KINDS_WITH_WORDS = (Kind.KIND_VOICE, Kind.KIND_ANSWERS)

SessionMessage = SessionEvent | Signal | Hint
Media = TypeVar("Media", VideoFrame, AudioChunk)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message of the stream with its place there."""

    message: SessionMessage
    stream_sequence: int
    pending: int
    """How many of those that were asked for are stored behind it: 0 for the newest."""


def now_us() -> int:
    """Wall clock, Unix microseconds."""
    return time.time_ns() // 1_000


class Following:
    """Somebody takes what is said of a session, until `unsubscribe`."""

    def __init__(
        self,
        subscription: JetStreamContext.PushSubscription,
        takers: list[Callable[[Recorded], Awaitable[None]]],
    ) -> None:
        self._subscription = subscription
        self._takers = takers

    async def unsubscribe(self) -> None:
        """Raises nats.errors.Error when that was done before, or the connection is closed."""
        # nats-py's ordered subscriptions refer to themselves: the session's whole state would
        # stay with them until the next full garbage collection.
        self._takers.clear()
        await self._subscription.unsubscribe()


class Bus:
    """One connection to NATS. Use ``async with await Bus.connect(...)``."""

    def __init__(self, connection: Client, js: JetStreamContext) -> None:
        self._connection = connection
        self._js = js
        self.sessions: KeyValue
        self.leases: KeyValue

    @classmethod
    async def connect(cls, settings: RuntimeSettings, name: str, *, keep: bool = True) -> Self:
        """Connect and make sure that the stream and the buckets exist, as the settings say.

        keep: False for a guest, who takes them as they are. Raises nats.errors.NoServersError
        when no server answers, other nats.errors.Error when JetStream does not do its part.
        """

        async def on_error(error: Exception) -> None:
            log.warning("bus error", error=repr(error))

        connection = await nats.connect(
            settings.nats_servers,
            name=name,
            user_credentials=str(settings.nats_credentials) if settings.nats_credentials else None,
            error_cb=on_error,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
        )
        js = connection.jetstream(timeout=PUBLISH_TIMEOUT_S)
        bus = cls(connection, js)
        try:
            if keep:
                await bus._keep(settings)
            bus.sessions = await js.key_value(SESSIONS_BUCKET)
            bus.leases = await js.key_value(LEASES_BUCKET)
        except BaseException:
            await connection.close()
            raise
        return bus

    async def _keep(self, settings: RuntimeSettings) -> None:
        age = settings.stream_max_age_hours * 3600
        stream = StreamConfig(
            name=STREAM,
            subjects=["signals.*.*", "events.*", "hints.*"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=age,
            max_bytes=settings.stream_max_bytes,
            duplicate_window=DUPLICATE_WINDOW_S,
            allow_direct=True,
        )
        if not await _made(self._js.add_stream(stream)):
            await self._js.update_stream(stream)
        for bucket in (SESSIONS_BUCKET, LEASES_BUCKET):
            # On file: revisions must not start anew when the server does.
            wanted = KeyValueConfig(bucket=bucket, ttl=age, storage=StorageType.FILE)
            if not await _made(self._js.create_key_value(wanted)):
                kept = (await self._js.stream_info(f"KV_{bucket}")).config
                await self._js.update_stream(kept, max_age=age)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._connection.is_connected:
            with contextlib.suppress(nats.errors.Error):
                await self._connection.flush(timeout=1)
        await self._connection.close()

    @property
    def connected(self) -> bool:
        return self._connection.is_connected

    # --- media: lost rather than queued

    async def publish_video(self, frame: VideoFrame) -> bool:
        """False when the server is away: stale media is worthless, so it is not kept."""
        return await self._publish_media(f"media.{frame.header.session_id}.video", frame)

    async def publish_audio(self, chunk: AudioChunk) -> bool:
        return await self._publish_media(f"media.{chunk.header.session_id}.audio", chunk)

    async def _publish_media(self, subject: str, message: VideoFrame | AudioChunk) -> bool:
        if not self._connection.is_connected:
            return False
        await self._connection.publish(
            subject, message.SerializeToString(), headers=trace_headers()
        )
        return True

    async def subscribe_video(
        self, session_id: str, take: Callable[[VideoFrame], None]
    ) -> Subscription:
        return await self._subscribe_media(f"media.{session_id}.video", VideoFrame, take)

    async def subscribe_audio(
        self, session_id: str, take: Callable[[AudioChunk], None]
    ) -> Subscription:
        return await self._subscribe_media(f"media.{session_id}.audio", AudioChunk, take)

    async def _subscribe_media(
        self, subject: str, kind: type[Media], take: Callable[[Media], None]
    ) -> Subscription:
        async def callback(raw: Msg) -> None:
            try:
                message = kind.FromString(raw.data)
            except DecodeError:
                log.warning("undecodable media", subject=raw.subject, size=len(raw.data))
                return
            take(message)

        return await self._connection.subscribe(
            subject, cb=callback, pending_msgs_limit=MEDIA_PENDING
        )

    # --- the session's stream: nothing is lost

    async def publish_signal(self, signal: Signal) -> None:
        """Stores a signal; its message id is its place in its publisher's count.

        The publisher is the worker: one that lost its lease may still be counting.
        """
        header = signal.header
        kind = Kind.Name(signal.kind)
        if signal.WhichOneof("body") == "accounting":
            lease = signal.accounting.lease
            subject, message_id = ACCOUNTING_SUBJECT, f"accounting.{lease}.{header.sequence}"
        else:
            subject, message_id = SUBJECTS[signal.kind], f"{signal.trace.worker}.{header.sequence}"
        await self._store(
            f"signals.{header.session_id}.{subject}",
            signal.SerializeToString(),
            f"{header.session_id}.{kind}.{message_id}",
        )

    async def publish_event(self, event: SessionEvent, message_id: str | None = None) -> None:
        """Stores a lifecycle event; with a message id it is stored once, however often sent."""
        session_id = event.header.session_id
        await self._store(
            f"events.{session_id}",
            event.SerializeToString(),
            f"{session_id}.event.{message_id}" if message_id else None,
        )

    async def publish_hint(self, hint: Hint) -> None:
        session_id = hint.header.session_id
        await self._store(
            f"hints.{session_id}", hint.SerializeToString(), f"{session_id}.hint.{hint.hint_id}"
        )

    async def _store(self, subject: str, payload: bytes, message_id: str | None) -> None:
        """Publish and wait for the stream's word, again and again for PUBLISH_PATIENCE_S.

        Raises nats.errors.TimeoutError when the server stays away.
        """
        headers = trace_headers() or {}
        if message_id:
            headers["Nats-Msg-Id"] = message_id
        deadline = time.monotonic() + PUBLISH_PATIENCE_S
        while True:
            try:
                await self._js.publish(subject, payload, headers=headers or None)
                return
            except (nats.errors.Error, nats.js.errors.NoStreamResponseError):
                if time.monotonic() > deadline or self._connection.is_closed:
                    raise
                await asyncio.sleep(0.1)

    async def last_sequence(self, subject: str) -> int | None:
        """Header sequence of the newest signal or hint on a subject; None when there is none."""
        message = await self._last(subject)
        return message.header.sequence if message else None

    async def started(self, session_id: str) -> SessionStarted:
        """A session's beginning; empty when the stream holds it no more."""
        return await started(self._js, session_id)

    async def has_begun(self, session_id: str) -> bool:
        """Whether anything has happened in a session since it was made."""
        last = await self._last(f"events.{session_id}")
        return isinstance(last, SessionEvent) and not last.HasField("started")

    async def _last(self, subject: str) -> SessionMessage | None:
        try:
            raw = await self._js.get_last_msg(STREAM, subject, direct=True)
        except NotFoundError:
            return None
        return _decode(subject, raw.data or b"")

    async def follow(
        self,
        session_id: str,
        take: Callable[[Recorded], Awaitable[None]],
        *,
        signals: Sequence[str] = ("*",),
        hints: bool = False,
    ) -> Following:
        """Every message of a session in stream order: first the past, then live.

        signals: which signals besides the events, as the last tokens of their subjects.
        The returned subscription must be unsubscribed.
        """
        filters = [f"events.{session_id}", *(f"signals.{session_id}.{last}" for last in signals)]
        if hints:
            filters.append(f"hints.{session_id}")

        takers = [take]

        async def callback(raw: Msg) -> None:
            message = _decode(raw.subject, raw.data)
            if message is not None and takers:
                place = raw.metadata
                await takers[0](Recorded(message, place.sequence.stream, place.num_pending))

        subscription = await self._js.subscribe(
            "",
            stream=STREAM,
            config=ConsumerConfig(filter_subjects=filters),
            cb=callback,
            ordered_consumer=True,
        )
        return Following(subscription, takers)

    async def listen(
        self, subject: str, take: Callable[[SessionMessage], Awaitable[None]]
    ) -> Subscription:
        """Stream messages as they are published, with no past: for showing, not for counting."""

        async def callback(raw: Msg) -> None:
            message = _decode(raw.subject, raw.data)
            if message is not None:
                await take(message)

        return await self._connection.subscribe(
            subject, cb=callback, pending_msgs_limit=MEDIA_PENDING
        )

    async def has_media(self, session_id: str, patience_s: float = 0.5) -> bool:
        """Whether any gateway publishes media of this session just now."""
        subscription = await self._connection.subscribe(f"media.{session_id}.*", max_msgs=1)
        try:
            await subscription.next_msg(timeout=patience_s)
        except nats.errors.TimeoutError:
            return False
        else:
            return True
        finally:
            with contextlib.suppress(nats.errors.BadSubscriptionError):
                await subscription.unsubscribe()

    async def answer(self, subject: str, reply: Callable[[], bytes]) -> Subscription:
        """Be the one who answers on a subject."""

        async def callback(raw: Msg) -> None:
            if raw.reply:
                await raw.respond(reply())

        return await self._connection.subscribe(
            subject, cb=callback, pending_msgs_limit=MEDIA_PENDING
        )

    async def ask(self, subject: str, patience_s: float = ASK_PATIENCE_S) -> bytes | None:
        """The answer of whoever answers on the subject; None, at once, when nobody does, and
        after `patience_s` when who is there says nothing."""
        try:
            return (await self._connection.request(subject, timeout=patience_s)).data
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
            return None

    async def purge(self, session_id: str) -> None:
        """Remove all that the stream and the buckets hold of a session.

        A purge only forgets: the bytes stay in the server's files until it compacts them. So
        what was said and asked is overwritten first; the many numbers need not be.
        """
        going = await self._is_going(session_id)
        await self._purge_stream(session_id)
        await self.sessions.purge(session_id)  # which ends whatever works on it
        if going:
            await asyncio.sleep(STOP_S)
            await self._purge_stream(session_id)  # what was said of it until then
        # The leases last: without a session nobody takes one again.
        async for entry in self.watch(self.leases, f"*.session.{session_id}"):
            if entry is None:
                break
            await self.leases.purge(entry.key)

    async def _is_going(self, session_id: str) -> bool:
        """Whether anybody may still say something of the session."""
        try:
            entry = await self.sessions.get(session_id)
        except KeyNotFoundError:
            return False
        return not SessionInfo.FromString(entry.value or b"").closed

    async def _purge_stream(self, session_id: str) -> None:
        await self._overwrite_words(session_id)
        for subject in (f"events.{session_id}", f"signals.{session_id}.*", f"hints.{session_id}"):
            await self._js.purge_stream(STREAM, subject=subject)

    async def _overwrite_words(self, session_id: str) -> None:
        """By deleting one by one, for which the server writes random bytes over a message."""
        subjects = [f"events.{session_id}"]
        subjects += [f"signals.{session_id}.{SUBJECTS[kind]}" for kind in KINDS_WITH_WORDS]
        count = 0
        for subject in subjects:
            info = await self._js.stream_info(STREAM, subjects_filter=subject)
            count += sum((info.state.subjects or {}).values())
        if not count:
            return
        subscription = await self._js.subscribe(
            "",
            stream=STREAM,
            config=ConsumerConfig(filter_subjects=subjects),
            ordered_consumer=True,
        )
        try:
            for _ in range(count):
                raw = await subscription.next_msg(timeout=PUBLISH_TIMEOUT_S)
                if _has_words(_decode(raw.subject, raw.data)):
                    await self._js.delete_msg(STREAM, raw.metadata.sequence.stream)
        finally:
            await subscription.unsubscribe()

    async def watch(self, bucket: KeyValue, keys: str) -> AsyncIterator[KeyValue.Entry | None]:
        """A bucket's entries now and as they change; None once when the present is complete."""
        watcher = await bucket.watch(keys)
        try:
            async for entry in watcher:
                yield entry
        finally:
            # A closed connection has no subscription left to end.
            with contextlib.suppress(nats.errors.ConnectionClosedError):
                await watcher.stop()  # type: ignore[no-untyped-call]


async def started(js: JetStreamContext, session_id: str) -> SessionStarted:
    """As Bus.started, for whoever has no Bus."""
    subject = f"events.{session_id}"
    try:
        first = await js.get_msg(STREAM, seq=1, subject=subject, next=True, direct=True)
    except NotFoundError:
        return SessionStarted()
    message = _decode(subject, first.data or b"")
    return message.started if isinstance(message, SessionEvent) else SessionStarted()


async def _made(making: Awaitable[object]) -> bool:
    """False when the stream exists with other settings."""
    try:
        await making
    except BadRequestError as error:
        if error.err_code != IN_USE:
            raise
        return False
    return True


def _has_words(message: SessionMessage | None) -> bool:
    """Transcripts and answers say what was said, the start what was asked and why."""
    if isinstance(message, Signal):
        return message.WhichOneof("body") in ("transcript", "answer")
    return isinstance(message, SessionEvent) and message.HasField("started")


def _decode(subject: str, data: bytes) -> SessionMessage | None:
    """A stream message by its subject; None (and a log line) when it can't be read."""
    kind: type[SessionEvent] | type[Signal] | type[Hint]
    prefix = subject.partition(".")[0]
    kind = {"events": SessionEvent, "signals": Signal, "hints": Hint}[prefix]
    try:
        return kind.FromString(data)
    except DecodeError:
        log.warning("undecodable message", subject=subject, size=len(data))
        return None
