"""A session captured from the bus and published again, on a real NATS."""

import asyncio
from pathlib import Path

import pytest
from greenroom.v1.capture_pb2 import Captured, CaptureStarted
from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Consent, Question, QuestionStarted, SessionEvent

from gateway.registry import Registry
from loadtest.bus_replay import BusSession, looped, rebased
from loadtest.capture import CaptureError, Writer, read
from loadtest.client import Client
from loadtest.record import record
from loadtest.result import MISSING
from loadtest.session import Target
from loadtest.stages import BusTap, Stages
from loadtest.whip import ClientError
from services.runtime.bus import Bus, now_us

QUESTION = Question(id="q1", text="Why?")
FRAMES = 10
STEP_S = 0.03


async def candidate(bus: Bus, consent: Consent) -> tuple[Registry, str]:
    registry = Registry(bus, 10)
    info, _ = await registry.create("somebody", [QUESTION], consent, True)
    return registry, info.session_id


async def publish(bus: Bus, session_id: str) -> list[int]:
    """A little media; returns the frames' capture times."""
    times = []
    for number in range(FRAMES):
        captured = now_us() - 5_000
        times.append(captured)
        header = Header(session_id=session_id, sequence=number, capture_time_us=captured)
        await bus.publish_video(
            VideoFrame(header=header, jpeg=b"picture", publish_time_us=now_us())
        )
        await bus.publish_audio(AudioChunk(header=header, pcm=bytes(1280), sample_rate=16_000))
        await asyncio.sleep(STEP_S)
    return times


async def captured(bus: Bus, url: str, path: Path) -> tuple[str, list[int]]:
    """A file of a session that asks one question, and the session's frames' capture times."""
    registry, session_id = await candidate(
        bus, Consent(camera=True, microphone=True, training=True)
    )
    writer = await asyncio.to_thread(Writer, path)
    began = asyncio.Event()
    recording = asyncio.create_task(record(url, session_id, writer, 60, began.set))
    await began.wait()
    asked = SessionEvent(question_started=QuestionStarted(question_id="q1"))
    await registry.say(session_id, asked)
    times = await publish(bus, session_id)
    await registry.end(session_id, "candidate")
    await recording
    await asyncio.to_thread(writer.__exit__, None, None, None)
    assert writer.lost == 0
    return session_id, times


async def test_a_session_is_captured_whole(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    path = tmp_path / "session.greenroom"
    session_id, times = await captured(bus, nats_url, path)
    started, messages = await asyncio.to_thread(read, path)
    assert list(started.questions) == [QUESTION]
    assert started.camera
    assert started.microphone
    frames = [m.video for m in messages if m.HasField("video")]
    assert [f.header.capture_time_us for f in frames] == times
    assert sum(m.HasField("audio") for m in messages) == FRAMES
    assert messages[-1].event.HasField("ended")
    assert all(m.event.header.session_id == session_id for m in messages if m.HasField("event"))
    mode = (await asyncio.to_thread(path.stat)).st_mode
    assert mode & 0o077 == 0, "only its owner may read it"


async def test_it_is_published_again_as_another_session(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "session.greenroom"
    first_id, _ = await captured(bus, nats_url, path)
    started, messages = await asyncio.to_thread(read, path)
    frames: list[VideoFrame] = []
    stages = Stages()
    async with BusTap(nats_url, stages) as tap:
        session = BusSession(bus, Target(), started, messages, stages, tap)
        info, _ = await session._registry.create("other", [QUESTION], Consent(camera=True), True)
        subscription = await bus.subscribe_video(info.session_id, frames.append)
        began = now_us()
        await session._publish(info.session_id, lambda: False, 2.5 * messages[-1].at_us / 1e6)
        await asyncio.sleep(0.1)
        await subscription.unsubscribe()
    assert info.session_id != first_id
    assert len(frames) > FRAMES, "the capture is looped"
    assert [f.header.sequence for f in frames] == list(range(len(frames)))
    ages = [f.publish_time_us - f.header.capture_time_us for f in frames]
    assert all(f.header.session_id == info.session_id for f in frames)
    # As old as they were when captured, and how late this process was.
    assert min(ages) > 0
    assert sorted(f.header.capture_time_us for f in frames) == [
        f.header.capture_time_us for f in frames
    ]
    assert frames[0].header.capture_time_us > began - 1_000_000


async def test_a_report_that_never_comes_is_missing(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Client) -> None:
        raise ClientError("no report")

    monkeypatch.setattr(Client, "report", never)
    started, media = CaptureStarted(), [Captured(at_us=1)]
    async with BusTap(nats_url, Stages()) as tap:
        session = BusSession(bus, Target(url="http://none"), started, media, Stages(), tap)
        await session.run(lambda: True, 0)
    assert (session.result.error, session.result.report) == ("no report", MISSING)


async def test_no_capture_without_consent(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    _, session_id = await candidate(bus, Consent(camera=True, keep_recording=True))
    writer = await asyncio.to_thread(Writer, tmp_path / "none")
    with pytest.raises(CaptureError, match="did not agree"):
        await record(nats_url, session_id, writer, 1)
    await asyncio.to_thread(writer.__exit__, None, None, None)
    assert writer.count == 0


async def test_no_such_session(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    writer = await asyncio.to_thread(Writer, tmp_path / "none")
    with pytest.raises(CaptureError, match="no session"):
        await record(nats_url, "nobody", writer, 1)
    await asyncio.to_thread(writer.__exit__, None, None, None)


def test_times_go_on_over_the_loops() -> None:
    started = CaptureStarted(version=1, time_us=1_000_000)
    messages = [Captured(at_us=at) for at in (100_000, 200_000)]
    rounds = looped(started, messages, began_us=5_000_000)
    got = [next(rounds) for _ in range(4)]
    length = 200_000 + 1_000_000 // 30
    assert [at for at, _, _ in got] == [100_000, 200_000, length + 100_000, length + 200_000]
    assert [shift for _, _, shift in got] == [4_000_000] * 2 + [4_000_000 + length] * 2


def test_a_copy_leaves_the_original_alone() -> None:
    frame = VideoFrame(header=Header(session_id="a", sequence=7, capture_time_us=100))
    made = rebased(frame, "b", 0, 50)
    assert (made.header.session_id, made.header.sequence) == ("b", 0)
    assert made.header.capture_time_us == 150
    assert frame.header.capture_time_us == 100


@pytest.mark.parametrize("content", [b"", b"not a capture", b"\x05abc"])
def test_what_is_no_capture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.greenroom"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=r"other\.greenroom"):
        read(path)


def test_another_version(tmp_path: Path) -> None:
    path = tmp_path / "later.greenroom"
    with Writer(path) as writer:
        writer.write(Captured(started=CaptureStarted(version=99)))
    with pytest.raises(CaptureError, match="version 99"):
        read(path)
