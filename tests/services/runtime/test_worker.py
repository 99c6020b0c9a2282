"""The worker's shape against a real NATS: accounting, freshness, the end of a session."""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
import simplejpeg
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import SessionEnded, SessionEvent, SessionInfo, SessionStarted
from greenroom.v1.signals_pb2 import (
    Accounting,
    AnswerEvaluation,
    FaceState,
    Signal,
    TranscriptSegment,
    VoiceState,
)

from services.runtime import tasks
from services.runtime.accounts import Accounts
from services.runtime.analyzer import Observation
from services.runtime.bus import STREAM, SUBJECTS, Bus, Recorded, now_us
from services.runtime.leases import Lease
from services.runtime.media import CHUNK_SAMPLES, MAX_AGE_US, SAMPLE_RATE, Frame, Pcm
from services.runtime.outbox import Outbox
from services.runtime.settings import RuntimeSettings, WorkerSettings
from services.runtime.sources import AudioSource, VideoSource
from services.runtime.worker import (
    VOICE_PATIENCE_S,
    TextMessage,
    Worker,
    media_work,
    text_work,
)

PATIENCE_S = 20.0
"""How long a test waits for what should come: it says nothing of how soon."""

AHEAD_US = 60_000_000
"""Media of a minute later does not become stale, however slow the machine."""

JPEG = simplejpeg.encode_jpeg(np.zeros((48, 64, 3), np.uint8))


class Looking:
    """Sees every picture, in `cost_s`."""

    def __init__(self, cost_s: float = 0.0) -> None:
        self._cost_s = cost_s

    def analyze(self, item: Frame) -> Iterable[Observation]:
        assert item.image.shape == (48, 64, 3)
        time.sleep(self._cost_s)
        yield Observation(FaceState(frames=1), item.capture_us, item.capture_us, 1.0)

    def finish(self) -> Iterable[Observation]:
        return []


class Listening:
    def analyze(self, item: Pcm) -> Iterable[Observation]:
        yield Observation(VoiceState(samples=len(item.samples)), item.capture_us, item.end_us, 1.0)

    def finish(self) -> Iterable[Observation]:
        yield Observation(VoiceState(samples=0), 0, 0, 1.0)


class Counting:
    """Says how many messages it has read, in `cost_s`."""

    def __init__(self, cost_s: float = 0.0) -> None:
        self._cost_s = cost_s
        self._read = 0

    def learn(self, item: TextMessage) -> None:
        self._read += 1

    def analyze(self, item: TextMessage) -> Iterable[Observation]:
        self.learn(item)
        time.sleep(self._cost_s)
        yield Observation(AnswerEvaluation(words=self._read), 0, 0, 1.0)

    def finish(self) -> Iterable[Observation]:
        yield Observation(AnswerEvaluation(words=self._read, final=True), 0, 0, 1.0)


@asynccontextmanager
async def serving(worker: Worker, work: object) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.serve(work))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Session:
    """A session on the bus, as the gateway would make it, and all that is said of it."""

    def __init__(self, bus: Bus) -> None:
        self.id = secrets.token_hex(8)
        self.signals: list[Signal] = []
        self._bus = bus

    async def start(self) -> None:
        await self._bus.sessions.put(self.id, SessionInfo(session_id=self.id).SerializeToString())
        await self.say(SessionEvent(started=SessionStarted()))
        self._subscription = await self._bus.follow(self.id, self._take)

    async def _take(self, recorded: Recorded) -> None:
        if isinstance(recorded.message, Signal):
            self.signals.append(recorded.message)

    async def say(self, event: SessionEvent) -> None:
        event.header.CopyFrom(Header(session_id=self.id, capture_time_us=now_us()))
        await self._bus.publish_event(event)

    async def end(self) -> None:
        await self.say(SessionEvent(ended=SessionEnded(reason="test")))
        info = SessionInfo(session_id=self.id, ended=True)
        await self._bus.sessions.put(self.id, info.SerializeToString())

    async def close(self) -> None:
        await self._subscription.unsubscribe()
        await self._bus.purge(self.id)

    def accounts(self) -> list[Accounting]:
        return [signal.accounting for signal in self.signals if signal.HasField("accounting")]

    def said(self, body: str) -> list[Signal]:
        return [signal for signal in self.signals if signal.WhichOneof("body") == body]

    async def final(self) -> Accounting:
        return await self.until_account(lambda account: account.final)

    async def until_account(
        self, told: Callable[[Accounting], bool] = lambda _: True
    ) -> Accounting:
        """The first that tells it."""
        await self.until(lambda: any(map(told, self.accounts())))
        return next(filter(told, self.accounts()))

    async def until_account_of(self, worker: str) -> None:
        """It takes what is published from then on."""
        await self.until(
            lambda: any(signal.trace.worker == worker for signal in self.said("accounting"))
        )

    async def until_said(self, body: str, count: int) -> None:
        await self.until(lambda: len(self.said(body)) >= count)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def session(bus: Bus) -> AsyncIterator[Session]:
    made = Session(bus)
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def worker_settings(nats_url: str, name: str) -> WorkerSettings:
    return WorkerSettings(nats_url=nats_url, worker_name=name)


def frame(session_id: str, sequence: int, age_us: int = 0) -> VideoFrame:
    header = Header(session_id=session_id, sequence=sequence, capture_time_us=now_us() - age_us)
    return VideoFrame(header=header, jpeg=JPEG, width=64, height=48, publish_time_us=now_us())


def total(account: Accounting) -> int:
    return account.processed + sum(account.dropped.values()) + account.pending


async def test_every_frame_of_a_slow_worker_is_accounted_for(bus: Bus, nats_url: str) -> None:
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "slow"))
    sent = 60

    async def work(lease: Lease) -> None:
        await media_work(worker, lambda: Looking(0.1), VideoSource(), lease)

    async with session(bus) as live, serving(worker, work):
        await live.until_account()
        for sequence in range(sent):
            await bus.publish_video(frame(live.id, sequence))
            await asyncio.sleep(1 / 30)
        await live.end()
        last = await live.final()
        assert last.received == sent
        assert last.received == total(last)
        assert last.pending == 0
        assert last.dropped["superseded"] > sent // 3
        assert all(account.received == total(account) for account in live.accounts())
        states = [signal for signal in live.signals if signal.HasField("face_state")]
        assert len(states) == last.processed
        waits = [signal.trace.received_us - signal.header.capture_time_us for signal in states]
        assert max(waits) <= MAX_AGE_US
        ages = [signal.trace.emitted_us - signal.header.capture_time_us for signal in states]
        # A latest-frame slot, not a queue: the age does not grow.
        half = len(ages) // 2
        assert np.median(ages[half:]) < 2 * np.median(ages[:half]) + 50_000
        assert [signal.header.sequence for signal in states] == list(range(len(states)))


async def test_stale_and_undecodable_media_give_no_result(bus: Bus, nats_url: str) -> None:
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "picky"))

    async def work(lease: Lease) -> None:
        await media_work(worker, Looking, VideoSource(), lease)

    async with session(bus) as live, serving(worker, work):
        await live.until_account()
        await bus.publish_video(frame(live.id, 0, age_us=MAX_AGE_US + 1))
        await live.until_account(lambda account: "stale" in account.dropped)
        broken = frame(live.id, 1, age_us=-AHEAD_US)
        broken.jpeg = b"\xff\xd8 this is no picture"
        await bus.publish_video(broken)
        await live.until_account(lambda account: "undecodable" in account.dropped)
        await live.end()
        last = await live.final()
        assert (last.received, last.processed) == (2, 0)
        assert last.dropped == {"stale": 1, "undecodable": 1}
        assert not any(signal.HasField("face_state") for signal in live.signals)


async def test_all_sound_is_analysed_and_the_end_flushes(bus: Bus, nats_url: str) -> None:
    worker = Worker(bus, Kind.KIND_VOICE, worker_settings(nats_url, "ear"))

    async def work(lease: Lease) -> None:
        await media_work(worker, Listening, AudioSource(), lease)

    async with session(bus) as live, serving(worker, work):
        await live.until_account()
        for sequence in range(20):
            captured_us = now_us() + AHEAD_US
            header = Header(session_id=live.id, sequence=sequence, capture_time_us=captured_us)
            await bus.publish_audio(
                AudioChunk(header=header, pcm=bytes(2 * CHUNK_SAMPLES), sample_rate=SAMPLE_RATE)
            )
        await live.until_said("voice_state", 20)
        await live.end()
        last = await live.final()
        assert (last.received, last.processed) == (20, 20)
        states = [signal.voice_state for signal in live.signals if signal.HasField("voice_state")]
        assert sum(state.samples for state in states) == 20 * CHUNK_SAMPLES
        assert states[-1].samples == 0  # what finish() said


async def test_numbers_go_on_after_a_takeover(bus: Bus, nats_url: str) -> None:
    async with session(bus) as live:
        for name in ("first", "second"):
            worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, name))

            async def work(lease: Lease, worker: Worker = worker) -> None:
                await media_work(worker, Looking, VideoSource(), lease)

            async with serving(worker, work):
                await live.until_account_of(name)
                before = len(live.said("face_state"))
                for sequence in range(5):
                    await bus.publish_video(frame(live.id, sequence, age_us=-AHEAD_US))
                    await live.until_said("face_state", before + sequence + 1)
        states = live.said("face_state")
        assert [signal.header.sequence for signal in states] == list(range(10))
        assert [signal.trace.worker for signal in states] == ["first"] * 5 + ["second"] * 5
        leases = {account.lease for account in live.accounts()}
        assert len(leases) == 2


async def test_a_replayed_text_session_says_nothing_twice(bus: Bus, nats_url: str) -> None:
    async with session(bus) as live:
        for name, answers in (("first", 2), ("second", 3)):
            worker = Worker(bus, Kind.KIND_ANSWERS, worker_settings(nats_url, name))

            async def work(lease: Lease, worker: Worker = worker) -> None:
                await text_work(worker, Counting, lease)

            async with serving(worker, work):
                await live.until_account_of(name)
                await live.say(SessionEvent(started=SessionStarted()))
                await live.until_said("answer", answers)
        said = live.said("answer")
        assert [signal.answer.words for signal in said] == [1, 2, 3]
        assert [signal.header.sequence for signal in said] == [0, 1, 2]
        subject = f"signals.{live.id}.{SUBJECTS[Kind.KIND_ANSWERS]}"
        assert await bus.last_sequence(subject) == 2, "nor while it stopped"


async def test_a_session_that_ends_while_its_past_is_learned_is_evaluated_as_a_whole(
    bus: Bus, nats_url: str
) -> None:
    """The worker before had said more than the new one does, and the voice has finished."""
    past, said = 60, 40
    worker = Worker(bus, Kind.KIND_ANSWERS, worker_settings(nats_url, "heir"))
    async with session(bus) as live:
        for sequence in range(said):
            header = Header(session_id=live.id, sequence=sequence)
            answer = AnswerEvaluation(words=sequence)
            await bus.publish_signal(Signal(header=header, kind=Kind.KIND_ANSWERS, answer=answer))
        for sequence in range(past):
            header = Header(session_id=live.id, sequence=sequence)
            text = TranscriptSegment(utterance=sequence, final=True)
            await bus.publish_signal(Signal(header=header, kind=Kind.KIND_VOICE, transcript=text))
        header, done = Header(session_id=live.id), Accounting(final=True)
        await bus.publish_signal(Signal(header=header, kind=Kind.KIND_VOICE, accounting=done))
        await live.end()
        lease = Lease(SessionInfo(session_id=live.id), revision=1)
        lease.ended.set()
        await text_work(worker, lambda: Counting(VOICE_PATIENCE_S / 10), lease)
        await live.final()
        *_, last = [signal for signal in live.signals if signal.HasField("answer")]
        assert last.answer.final
        assert last.answer.words == past + 2  # and the start and the end
        assert last.header.sequence >= said
    await worker.stop()


async def test_signals_wait_for_a_stream_that_is_away_for_long(
    bus: Bus, nats_url: str, settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.bus.PUBLISH_PATIENCE_S", 0.2)
    monkeypatch.setattr("services.runtime.outbox.AWAY_S", 0.2)
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "patient"))

    async def work(lease: Lease) -> None:
        await media_work(worker, Looking, VideoSource(), lease)

    async with session(bus) as live, serving(worker, work):
        await live.until_account()
        await bus._js.delete_stream(STREAM)
        await bus.publish_video(frame(live.id, 0, age_us=-AHEAD_US))
        await asyncio.sleep(1.0)  # it has given up by now
        async with await Bus.connect(settings, "operator"):
            await bus.publish_video(frame(live.id, 1, age_us=-AHEAD_US))
            async with asyncio.timeout(PATIENCE_S):
                while await bus.last_sequence(f"signals.{live.id}.face") != 1:
                    await asyncio.sleep(0.05)


class Lingering(Looking):
    """Takes its time at the end, from `ending` until `go_on`; then it has something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.ending = threading.Event()
        self.go_on = threading.Event()

    def finish(self) -> Iterable[Observation]:
        self.ending.set()
        self.go_on.wait(PATIENCE_S)
        yield Observation(FaceState(frames=0), 0, 0, 1.0)


async def test_work_that_is_cancelled_at_its_end_leaves_nobody_publishing(
    bus: Bus, nats_url: str
) -> None:
    """As when a session is erased just after its end; no_leaked_tasks sees who is left."""
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "late"))
    async with session(bus) as live:
        lease = Lease(SessionInfo(session_id=live.id), revision=1)
        lease.ended.set()
        lingering = Lingering()
        work = asyncio.create_task(media_work(worker, lambda: lingering, VideoSource(), lease))
        assert await asyncio.to_thread(lingering.ending.wait, PATIENCE_S)
        work.cancel()
        lingering.go_on.set()
        with suppress(asyncio.CancelledError):
            await work
        await live.until_account()
        assert not any(account.final for account in live.accounts())
    await worker.stop()


async def test_the_end_of_one_session_holds_up_no_other(bus: Bus, nats_url: str) -> None:
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "shared"))
    lingering = Lingering()
    async with session(bus) as ending, session(bus) as going_on:
        leases = [Lease(SessionInfo(session_id=each.id), 1) for each in (ending, going_on)]
        leases[0].ended.set()
        works = [
            asyncio.create_task(media_work(worker, lambda: lingering, VideoSource(), leases[0])),
            asyncio.create_task(media_work(worker, Looking, VideoSource(), leases[1])),
        ]
        assert await asyncio.to_thread(lingering.ending.wait, PATIENCE_S)
        await going_on.until_account()
        await bus.publish_video(frame(going_on.id, 0, age_us=-AHEAD_US))
        await going_on.until_said("face_state", 1)
        assert not ending.said("face_state")
        lingering.go_on.set()
        await ending.final()
        assert len(ending.said("face_state")) == 1
        leases[1].ended.set()
        await asyncio.gather(*works)
    await worker.stop()


async def test_what_is_open_is_told_when_a_session_is_handed_over(bus: Bus, nats_url: str) -> None:
    """But not that the kind is done with it: the next worker goes on."""
    lingering = Lingering()
    lingering.go_on.set()
    async with session(bus) as live:
        for name, analyzer in (("before", lingering), ("after", Looking())):
            worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, name))

            async def work(
                lease: Lease, worker: Worker = worker, analyzer: Looking = analyzer
            ) -> None:
                await media_work(worker, lambda: analyzer, VideoSource(), lease)

            async with serving(worker, work):
                await live.until_account_of(name)
                await bus.publish_video(frame(live.id, 0, age_us=-AHEAD_US))
                await live.until_said("face_state", 1 if name == "before" else 3)
        states = [signal.face_state.frames for signal in live.said("face_state")]
        assert states == [1, 0, 1]
        await live.until(lambda: live.accounts()[-1].processed == 1)
        assert not any(account.final for account in live.accounts())


@pytest.mark.parametrize("how", ["lost", "erased", "late"])
async def test_what_is_open_is_told_in_time_or_not_at_all(
    bus: Bus, nats_url: str, how: str
) -> None:
    """And only of a session that this worker has let go of by itself."""
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, how))
    lingering = Lingering()
    async with session(bus) as live:
        info = SessionInfo(session_id=live.id)
        lease = Lease(info, 1, lost=how == "lost", erased=how == "erased")
        work = asyncio.create_task(media_work(worker, lambda: lingering, VideoSource(), lease))
        await live.until_account()
        work.cancel()
        if how == "late":
            assert await asyncio.to_thread(lingering.ending.wait, PATIENCE_S)
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        assert lingering.ending.is_set() == (how == "late")
        lingering.go_on.set()
        await worker.stop()
        assert not live.said("face_state")


async def test_a_publisher_that_fails_fails_the_session(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a defect's sake, not the bus's: the session is offered again, not left in silence."""
    worker = Worker(bus, Kind.KIND_FACE, worker_settings(nats_url, "defective"))

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such signal")

    async with session(bus) as live:
        lease = Lease(SessionInfo(session_id=live.id), revision=1)
        monkeypatch.setattr(Accounts, "publish", broken)
        with pytest.raises(RuntimeError, match="no such signal"):
            async with asyncio.timeout(5):
                await media_work(worker, Looking, VideoSource(), lease)
        monkeypatch.undo()
    await worker.stop()


async def test_the_last_accounting_is_stored_though_one_was_broken_off(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the moment between its being stored and the stream's word of that."""
    publish = bus.publish_signal

    async def slowly(signal: Signal) -> None:
        await publish(signal)
        await asyncio.sleep(5)

    async with session(bus) as live:
        outbox = Outbox(bus, Kind.KIND_FACE, live.id, "slow", 7, Accounting)
        monkeypatch.setattr(bus, "publish_signal", slowly)
        broken_off = asyncio.create_task(outbox.flush(final=False))
        await live.until_account()
        await tasks.end([broken_off])
        monkeypatch.undo()
        await outbox.flush(final=True)
        assert (await live.final()).lease == 7
