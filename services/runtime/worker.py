"""The process around an analyzer: leases, media, one analysis thread, signals out.

All four analyzers run in this one shape. The event loop only moves messages; one
thread per process decodes and analyses, in the order in which sessions have
something to do. There is no hop back to the loop but for what was observed.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol

import nats.errors
import structlog
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import SessionEvent
from greenroom.v1.signals_pb2 import Accounting, Signal, Trace
from nats.aio.subscription import Subscription

from services.runtime import process, scheduling, tasks, telemetry
from services.runtime.analyzer import Analyzer, Observation
from services.runtime.bus import Bus, Following, Recorded, now_us
from services.runtime.leases import Lease, Leases
from services.runtime.ledger import Ring
from services.runtime.media import MAX_AGE_US, MICROSECONDS, newest_us
from services.runtime.outbox import Outbox
from services.runtime.settings import WorkerSettings
from services.runtime.sources import BadMediaError, Decoded, MediaSource, Message

log = structlog.get_logger(__name__)

LAST_MEDIA_S = 0.2
"""After the end of a session its last media may still be on the way."""

CATCHING_UP_S = 10.0
"""How long a session's end may wait for its past to be learned after a takeover: hours of it
take some seconds, and later nobody waits for what is said of it."""

VOICE_PATIENCE_S = 3.0
"""How long the answers wait for the voice's last transcript after a session's end."""

TextMessage = SessionEvent | Signal
"""What an analyzer of the session's own messages takes: events and transcripts."""


class TextAnalyzer(Analyzer[TextMessage], Protocol):
    """An analyzer of the session's own messages, all of which it is told again after a takeover."""

    def learn(self, item: TextMessage) -> None:
        """As `analyze`, of what was analysed when it was new: nothing is said."""
        ...


class MediaSession(Generic[Message, Decoded]):
    """One session's media on its way through an analyzer."""

    def __init__(
        self,
        source: MediaSource[Message, Decoded],
        analyzer: Analyzer[Decoded],
        kind: str,
        executor: ThreadPoolExecutor,
        endings: ThreadPoolExecutor,
    ) -> None:
        self.ring: Ring[tuple[Message, int]] = Ring(source.capacity, kind, source.overflow)
        self.outbox: Outbox
        self._source: MediaSource[Message, Decoded] = source
        self._analyzer: Analyzer[Decoded] = analyzer
        self._kind = kind
        self._executor = executor
        self._endings = endings
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._scheduled: Future[None] | None = None
        self._ending: Future[list[Observation]] | None = None
        self._age = telemetry.AGE.labels(kind)
        self._analysis = telemetry.ANALYSIS.labels(kind)

    def take(self, message: Message) -> None:
        """From the bus, on the event loop."""
        self.ring.put((message, now_us()))
        with self._lock:
            if self._scheduled is None:
                self._scheduled = self._executor.submit(self._work)

    async def last(self) -> None:
        """What is still on its way when the session ends."""
        await asyncio.sleep(LAST_MEDIA_S)

    async def finish(self) -> None:
        """Analyse what the ring still holds, then what the analyzer still keeps open.

        Cancelled, it can be called again: the analyzer finishes once.
        """
        await self._settled()
        # The analysis thread is done with this analyzer, but not with those of other sessions:
        # they must not wait while the voice waits for its last text.
        if self._ending is None:
            self._ending = self._endings.submit(lambda: list(self._analyzer.finish()))
        observations = await asyncio.shield(asyncio.wrap_future(self._ending))
        self.outbox.put(observations, Trace(received_us=now_us()))

    async def hand_over(self) -> None:
        """The next worker hears nothing of what was before it."""
        await self.finish()

    async def abandon(self) -> None:
        """Count what is left as dropped; wait until the analysis thread has let go."""
        self.ring.clear("lease_lost")
        await self._settled()

    async def _settled(self) -> None:
        while (scheduled := self._scheduled) is not None:
            await asyncio.wait([asyncio.wrap_future(scheduled)])

    # --- on the analysis thread

    def _work(self) -> None:
        # Only what waits now: a session whose ring fills as fast as it is emptied
        # goes to the end of the line, so that it can't starve the others.
        for _ in range(len(self.ring)):
            if self.outbox.full or (taken := self.ring.take()) is None:
                break
            self._analyse(*taken)
        with self._lock:
            again = len(self.ring) > 0 and not self.outbox.full
            self._scheduled = self._executor.submit(self._work) if again else None

    def _analyse(self, message: Message, received_us: int) -> None:
        age_us = now_us() - newest_us(message)
        if age_us > MAX_AGE_US:
            self.ring.drop("stale")
            return
        self._age.observe(age_us / MICROSECONDS)
        try:
            with self._analysis.time():
                observations = list(self._analyzer.analyze(self._source.decode(message)))
        except BadMediaError:
            self.ring.drop("undecodable")
            return
        except Exception:  # a defect of an analyzer costs a frame, not the session
            log.exception("analysis failed", kind=self._kind)
            self.ring.drop("error")
            return
        self.ring.processed()
        if observations:
            trace = Trace(published_us=message.publish_time_us, received_us=received_us)
            self._loop.call_soon_threadsafe(self.outbox.put, observations, trace)


class TextSession:
    """One session's own messages on their way through an analyzer.

    The analyzer sees the whole stream from its start also after a takeover; of what is
    past by then it only learns.
    """

    def __init__(self, analyzer: TextAnalyzer, kind: str, executor: ThreadPoolExecutor) -> None:
        self.ring: Ring[TextMessage] = Ring(1, kind, "superseded")
        self.outbox: Outbox
        self.complete = asyncio.Event()
        """The session has ended and the voice's last transcript is in."""
        self._analyzer = analyzer
        self._kind = kind
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._caught_up = asyncio.Event()
        self._ended = False
        self._voice_done = False

    async def take(self, recorded: Recorded) -> None:
        """From the stream, one at a time."""
        if recorded.pending == 0:
            self._caught_up.set()
        message = recorded.message
        if isinstance(message, SessionEvent):
            self._ended |= message.HasField("ended")
            await self._analyse(message)
        elif isinstance(message, Signal):
            if message.kind == Kind.KIND_VOICE and message.HasField("accounting"):
                self._voice_done |= message.accounting.final
            elif message.HasField("transcript"):
                await self._analyse(message)
        if self._ended and self._voice_done:
            self.complete.set()

    async def last(self) -> None:
        """All that is past, then the voice's last transcript."""
        for event, patience_s in (
            (self._caught_up, CATCHING_UP_S),
            (self.complete, VOICE_PATIENCE_S),
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await event.wait()

    async def finish(self) -> None:
        observations = await self._loop.run_in_executor(
            self._executor, lambda: list(self._analyzer.finish())
        )
        self.outbox.put(observations, Trace(received_us=now_us()))

    async def hand_over(self) -> None:
        """Nothing: the next worker is told the whole session."""

    async def abandon(self) -> None:
        """Nothing waits here: messages come one at a time."""

    async def _analyse(self, message: TextMessage) -> None:
        received_us = now_us()
        self.ring.put(message)
        self.ring.take()
        try:
            observations = await self._say_of(message)
        except Exception:  # a defect of an analyzer costs a message, not the session
            log.exception("analysis failed", kind=self._kind)
            self.ring.drop("error")
            return
        self.ring.processed()
        self.outbox.put(observations, Trace(received_us=received_us))

    async def _say_of(self, message: TextMessage) -> list[Observation]:
        if not self._caught_up.is_set():
            self._analyzer.learn(message)  # here, since it takes no time
            return []
        return await self._loop.run_in_executor(
            self._executor, lambda: list(self._analyzer.analyze(message))
        )


class Worker:
    """Runs one kind's analyzers for the sessions whose leases it holds."""

    def __init__(self, bus: Bus, kind: Kind.ValueType, settings: WorkerSettings) -> None:
        self.bus = bus
        self.kind = kind
        self.name = Kind.Name(kind).removeprefix("KIND_").lower()
        self.settings = settings
        # One thread: an analysis is one core's work (onnxruntime runs on one thread),
        # and a session's analyzer never meets itself.
        self.executor = ThreadPoolExecutor(1, self.name, scheduling.be_patient)
        # Sessions wait at their end, so each may have its own thread there.
        self.endings = ThreadPoolExecutor(
            settings.worker_capacity, f"{self.name}-end", scheduling.be_patient
        )

    async def serve(self, work: Callable[[Lease], Awaitable[None]]) -> None:
        leases = Leases(
            self.bus, self.kind, self.settings.worker_name, self.settings.worker_capacity, work
        )
        try:
            await leases.serve()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Ends the threads, each after what it does just now."""
        for executor in (self.executor, self.endings):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)

    def outbox(self, lease: Lease, accounting: Callable[[], Accounting]) -> Outbox:
        return Outbox(
            self.bus,
            self.kind,
            lease.info.session_id,
            self.settings.worker_name,
            lease.revision,
            accounting,
        )


async def media_work(
    worker: Worker,
    analyzer: Callable[[], Analyzer[Decoded]],
    source: MediaSource[Message, Decoded],
    lease: Lease,
) -> None:
    """A media session from its lease to its last accounting."""
    made = await asyncio.get_running_loop().run_in_executor(worker.executor, analyzer)
    session = MediaSession(source, made, worker.name, worker.executor, worker.endings)
    session.outbox = worker.outbox(lease, session.ring.accounting)
    await session.outbox.start()
    subscription = await source.subscribe(worker.bus, lease.info.session_id, session.take)
    await _live(session, subscription, lease)


async def text_work(worker: Worker, analyzer: Callable[[], TextAnalyzer], lease: Lease) -> None:
    """A session of its own messages, from its lease to its last accounting."""
    made = await asyncio.get_running_loop().run_in_executor(worker.executor, analyzer)
    session = TextSession(made, worker.name, worker.executor)
    session.outbox = worker.outbox(lease, session.ring.accounting)
    await session.outbox.start()
    subscription = await worker.bus.follow(
        lease.info.session_id, session.take, signals=("voice", "accounting")
    )
    await _live(session, subscription, lease)


async def _live(
    session: MediaSession[Message, Decoded] | TextSession,
    subscription: Subscription | Following,
    lease: Lease,
) -> None:
    """Signals go out until the session has ended and all is said of it, or until cancelled."""
    publisher = asyncio.create_task(session.outbox.publish())
    final = False
    try:
        try:
            await _until(lease.ended, publisher)
            await session.last()
        finally:
            with contextlib.suppress(nats.errors.Error):  # the connection may be closed
                await subscription.unsubscribe()
        await session.finish()
        final = True
    except asyncio.CancelledError:
        if not (lease.lost or lease.erased):  # let go in order
            await session.hand_over()
        raise
    finally:
        try:
            if not final:
                await session.abandon()
        finally:
            await tasks.end([publisher])
            if not lease.erased:
                await session.outbox.flush(final=final)


async def _until(event: asyncio.Event, publisher: asyncio.Task[None]) -> None:
    """Raises what ended the publisher, should it end sooner."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, publisher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await tasks.end([waiting])
    if publisher.done():
        publisher.result()


def run_media(
    kind: Kind.ValueType,
    analyzer: Callable[[], Analyzer[Decoded]],
    source: MediaSource[Message, Decoded],
) -> None:
    """The main of a media analyzer's process."""

    async def serve(bus: Bus, settings: WorkerSettings) -> None:
        worker = Worker(bus, kind, settings)
        await worker.serve(lambda lease: media_work(worker, analyzer, source, lease))

    analyzer()  # load the models before any session waits for them
    process.run(Kind.Name(kind).removeprefix("KIND_").lower(), WorkerSettings(), serve)


def run_text(kind: Kind.ValueType, analyzer: Callable[[], TextAnalyzer]) -> None:
    """The main of an analyzer of the session's own messages."""

    async def serve(bus: Bus, settings: WorkerSettings) -> None:
        worker = Worker(bus, kind, settings)
        await worker.serve(lambda lease: text_work(worker, analyzer, lease))

    analyzer()
    process.run(Kind.Name(kind).removeprefix("KIND_").lower(), WorkerSettings(), serve)
