"""Encoded frames to sampled JPEGs: what is decoded, what is sampled, what is counted."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import simplejpeg
from greenroom.v1.media_pb2 import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from gateway import video
from gateway.assembly import EncodedFrame
from gateway.capture_clock import CaptureClock, SenderClock
from gateway.video import JpegEncoder, Sampler, VideoReceiver
from services.runtime.ledger import Ledger
from services.runtime.media import MAX_AGE_US, MICROSECONDS
from tests.gateway import media
from tests.gateway.test_sessions import until

FRAME_US = MICROSECONDS // media.FPS
START_US = 10**15
PICTURES = media.pictures(60)
LAYERED = media.vp8(PICTURES, layers=True, keys=(0, 32))


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


class Clock:
    """The gateway's, which a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.us = START_US
        monkeypatch.setattr(video, "now_us", lambda: self.us)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def encoded_frames() -> list[EncodedFrame]:
    return [
        EncodedFrame(
            "vp8", frame.data, i * media.VIDEO_STEP, frame.key, frame.layer == 2,
            START_US + i * FRAME_US,
        )
        for i, frame in enumerate(LAYERED)
    ]  # fmt: skip


class Counting(VideoReceiver):
    """Counts what it decodes, and in how many goes."""

    decoded = 0
    goes = 0

    def _work(self) -> None:
        self.goes += 1
        super()._work()

    def _decode(self, frame: EncodedFrame) -> list[av.VideoFrame]:
        self.decoded += 1
        return super()._decode(frame)


class Received:
    """A receiver with what it published; `processed` is counted as the outlet would."""

    def __init__(self, executor: ThreadPoolExecutor, clock: Clock, rate: float = 15) -> None:
        self.clock = clock
        self.frames: list[VideoFrame] = []
        self.ledger = Ledger("gateway_video")
        self.lost_state = 0
        self.waits: list[int] = []
        self.sampler = Sampler(rate, 5)
        self.receiver = Counting(
            "s", executor, self.ledger, CaptureClock(90_000, SenderClock()), self.sampler,
            JpegEncoder(640, 85), self._publish, self._lost, self.waits.append,
        )  # fmt: skip

    def _publish(self, frame: VideoFrame) -> None:
        self.frames.append(frame)
        self.ledger.processed()

    def _lost(self) -> None:
        self.lost_state += 1

    def check_accounting(self) -> dict[str, int]:
        accounting = self.ledger.accounting()
        assert accounting.pending == 0
        assert accounting.received == accounting.processed + sum(accounting.dropped.values())
        return dict(accounting.dropped)


async def take_paced(got: Received, frames: list[EncodedFrame], late_us: int = 0) -> None:
    """Each frame so late, and when the one before it is through, as with a decoder that keeps
    up."""
    for frame in frames:
        got.clock.us = frame.arrival_us + late_us
        got.receiver.take(frame)
        while got.receiver._scheduled is not None:
            await asyncio.sleep(0)
    await got.receiver.close()


async def test_skipping_changes_no_picture(executor: ThreadPoolExecutor, clock: Clock) -> None:
    """Half of the frames are never decoded, and what is published is as with a full decode."""
    frames = encoded_frames()
    skipping = Received(executor, clock)
    await take_paced(skipping, frames)
    full = Received(executor, clock)
    await take_paced(
        full,
        [
            EncodedFrame(f.codec, f.data, f.timestamp, f.key, False, f.arrival_us)
            for f in frames
        ],
    )  # fmt: skip
    # The last of all is wanted by nobody, and nothing follows it.
    assert (skipping.receiver.decoded, full.receiver.decoded) == (30, 59)
    assert full.receiver.goes <= 31, "two at a time"
    assert len(skipping.frames) == 30
    assert [frame.jpeg for frame in skipping.frames] == [frame.jpeg for frame in full.frames]
    assert [f.header for f in skipping.frames] == [f.header for f in full.frames]
    assert skipping.check_accounting() == full.check_accounting() == {"not_sampled": 30}


async def test_what_is_published(executor: ThreadPoolExecutor, clock: Clock) -> None:
    got = Received(executor, clock)
    await take_paced(got, encoded_frames())
    assert [frame.header.sequence for frame in got.frames] == list(range(30))
    for number, frame in enumerate(got.frames):
        assert frame.header.capture_time_us == START_US + 2 * number * FRAME_US
        assert (frame.width, frame.height) == (frame.source_width, frame.source_height)
        image = simplejpeg.decode_jpeg(frame.jpeg)
        assert image.shape == (240, 320, 3)
        truth = PICTURES[2 * number].to_ndarray(format="gray").astype(float)
        assert np.abs(image.mean(-1) - truth).mean() < 25


async def test_broken_frames_are_counted_and_a_key_frame_is_asked_for(
    executor: ThreadPoolExecutor, clock: Clock
) -> None:
    frames = encoded_frames()
    huge = bytes([0x10, 2, 0, 0x9D, 1, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F]) + bytes(200)
    for data in (b"\x00", bytes(60), huge, np.random.default_rng(1).bytes(500)):
        got = Received(executor, clock)
        broken = EncodedFrame(
            "vp8", data, 2 * media.VIDEO_STEP, True, False, START_US + 2 * FRAME_US
        )
        await take_paced(got, [*frames[:2], broken])
        dropped = got.check_accounting()
        assert dropped.get("undecodable", 0) + dropped.get("no_picture", 0) == 1, dropped
        assert got.lost_state == dropped.get("undecodable", 0)


async def test_too_old_to_be_published(executor: ThreadPoolExecutor, clock: Clock) -> None:
    fresh = Received(executor, clock)
    await take_paced(fresh, encoded_frames()[:8], late_us=MAX_AGE_US)
    assert fresh.check_accounting() == {"not_sampled": 4}
    got = Received(executor, clock)
    await take_paced(got, encoded_frames()[:8], late_us=MAX_AGE_US + 1)
    assert got.frames == []
    assert got.check_accounting() == {"stale": 4, "not_sampled": 4}


async def test_a_slow_decoder_costs_old_frames_not_memory(
    executor: ThreadPoolExecutor, clock: Clock
) -> None:
    """Both threads are busy elsewhere: the line stays short, and goes on at a key frame."""
    release = threading.Event()
    for _ in range(2):
        executor.submit(release.wait)
    got = Received(executor, clock, rate=30)
    frames = encoded_frames()[:40]
    clock.us = frames[-1].arrival_us
    for frame in [*frames[:16], *frames[32:]]:  # the assembler goes on with the key frame
        got.receiver.take(frame)
        assert len(got.receiver._waiting) <= video.MAX_WAITING
    assert got.lost_state == 1
    clock.us += video.BUSY_US
    release.set()
    while got.receiver._scheduled is not None:
        await asyncio.sleep(0.001)
    await got.receiver.close()
    dropped = got.check_accounting()
    assert dropped == {"decoder_overrun": video.MAX_WAITING + 1}
    assert len(got.frames) == 8
    assert got.waits == [video.BUSY_US] * 8


async def test_a_key_frame_is_of_use_to_a_decoder_that_was_behind(
    executor: ThreadPoolExecutor, clock: Clock
) -> None:
    """What is dropped is before it: nothing need be asked for."""
    release = threading.Event()
    for _ in range(2):
        executor.submit(release.wait)
    got = Received(executor, clock, rate=30)
    frames = encoded_frames()
    clock.us = frames[39].arrival_us
    for frame in [*frames[: video.MAX_WAITING], *frames[32:40]]:
        got.receiver.take(frame)
    assert got.lost_state == 0
    release.set()
    while got.receiver._scheduled is not None:
        await asyncio.sleep(0.001)
    await got.receiver.close()
    assert got.check_accounting() == {"decoder_overrun": video.MAX_WAITING}
    assert len(got.frames) == 8


async def test_nothing_is_pending_after_close(executor: ThreadPoolExecutor, clock: Clock) -> None:
    got = Received(executor, clock)
    frames = encoded_frames()
    for frame in frames[:12]:
        got.receiver.take(frame)
    await got.receiver.close()
    got.receiver.take(frames[12])
    assert got.check_accounting()["connection_closed"] >= 1


async def test_a_closed_receiver_keeps_no_decoder(
    executor: ThreadPoolExecutor, clock: Clock
) -> None:
    """1.3 MiB, until the next full garbage collection."""
    got = Received(executor, clock)
    got.receiver.take(encoded_frames()[0])
    await until(lambda: got.receiver._decoder is not None)
    await got.receiver.close()
    assert got.receiver._decoder is None


# --- the sampler


def stream(seconds: float, jitter_us: list[int], fps: int = 30) -> list[int]:
    step = MICROSECONDS // fps
    times = [i * step + jitter_us[i % len(jitter_us)] for i in range(int(seconds * fps))]
    return sorted(10**15 + t for t in times)


@given(
    st.floats(1, 30),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=40),
    st.sampled_from([15, 24, 30, 60]),
)
def test_never_more_than_asked(rate: float, jitter_us: list[int], fps: int) -> None:
    """In no stretch: a frame may be a quarter of the interval early and one interval late."""
    sampler = Sampler(rate, 1)
    taken = [at for at in stream(4, jitter_us, fps) if sampler.take(at)]
    for i, first in enumerate(taken):
        for j in range(i + 1, len(taken)):
            span = (taken[j] - first) / MICROSECONDS
            assert j - i <= rate * span + 1.25 + 1e-6


def test_fifteen_of_thirty_are_every_second() -> None:
    sampler = Sampler(15, 5)
    taken = [sampler.take(at) for at in stream(4, [0, 3_000, 900, 4_200, 100])]
    assert taken == [True, False] * 60


def test_a_slow_camera_is_taken_whole() -> None:
    sampler = Sampler(15, 5)
    assert all(sampler.take(at) for at in stream(4, [0], fps=10))


def test_wants_is_what_take_does() -> None:
    sampler = Sampler(15, 5)
    for at in stream(2, [0, 9_000, 2_000, 14_000]):
        assert sampler.wants(at) == sampler.take(at)


def test_gives_way_to_the_floor_and_comes_back() -> None:
    sampler = Sampler(15, 5)
    rates = []
    for second in range(1, 40):
        sampler.report_wait(200_000 if second < 12 else 1_000, second * MICROSECONDS)
        rates.append(sampler.rate)
    assert min(rates) == sampler._floor == 5
    assert rates[11:] == sorted(rates[11:])
    assert rates[-1] == 15


def test_one_reaction_a_second() -> None:
    sampler = Sampler(15, 5)
    for at in range(MICROSECONDS, 2 * MICROSECONDS, 33_000):
        sampler.report_wait(500_000, at)
    assert sampler.rate == 15 * video.RATE_DOWN


# --- JPEG


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (640, 480)),
        ((1280, 720), (640, 360)),
        ((1080, 1920), (360, 640)),
        ((641, 479), (640, 478)),
        ((320, 2), (320, 2)),
        ((64, 4000), (10, 640)),
    ],
)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p"])
def test_jpeg_sizes(size: tuple[int, int], expected: tuple[int, int], pixels: str) -> None:
    width, height = size
    y = np.mgrid[:height, :width][0]
    grey = np.repeat((50 + y * 100 // height).astype(np.uint8)[..., None], 3, -1)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pixels)
    jpeg, *got = JpegEncoder(640, 85).encode(frame)
    assert tuple(got) == expected
    image = simplejpeg.decode_jpeg(jpeg)
    assert image.shape == (expected[1], expected[0], 3)
    assert np.ptp(image, axis=-1).max() < 8, "grey stays grey"
    column = image[:, 0, 0].astype(int)
    assert (np.diff(column) >= -3).all()
