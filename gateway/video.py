"""Encoded frames to sampled JPEGs: decode what must be decoded, publish what was asked for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import simplejpeg
import structlog
from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import VideoFrame

from gateway.assembly import EncodedFrame
from gateway.capture_clock import CaptureClock
from gateway.clock import now_us
from services.runtime import scheduling
from services.runtime.ledger import Ledger
from services.runtime.media import MAX_AGE_US, MICROSECONDS

log = structlog.get_logger(__name__)

MAX_WAITING = 15
"""Encoded frames that may wait for the decoder: half a second at 30 fps, past which
they would be stale when decoded."""

BUSY_US = 60_000
"""A frame that waited this long for the decoder: the machine is short of time."""

RATE_DOWN = 0.7
RATE_UP_PER_S = 1.0
"""Multiplicative decrease, additive increase: recovers slowly, gives way at once."""

TOGETHER = 2
"""Frames that are decoded in one go at the latest. Of 30 a second every second one is sampled: the
one before it waits for it, so that threads are woken up half as often; more would make it late."""

MAX_PIXELS = 4096 * 2304
"""FFmpeg refuses a larger picture: ten bytes may claim one of 16383 x 16383."""

EARLY = 0.25
"""Of the sampling interval: a frame this much early is taken, so that 15 of 30 fps are
every second frame and not a beat between two clocks."""


class Sampler:
    """Which frames to analyse: never more a second than asked for, fewer under load."""

    def __init__(self, rate: float, floor: float) -> None:
        self._asked = rate
        self._floor = min(floor, rate)
        self.rate = rate
        self._due_us = 0.0
        self._changed_us = 0

    def wants(self, capture_us: int) -> bool:
        return capture_us >= self._due_us - EARLY * MICROSECONDS / self.rate

    def take(self, capture_us: int) -> bool:
        """Whether to analyse this frame; moves on to the next."""
        if not self.wants(capture_us):
            return False
        interval = MICROSECONDS / self.rate
        # From the due time, not from the frame's: the mean rate is then exact. A frame
        # far past it (the first, or after a pause) starts the count anew.
        behind = capture_us - self._due_us > interval
        self._due_us = (capture_us if behind else self._due_us) + interval
        return True

    def report_wait(self, waited_us: int, at_us: int) -> None:
        """How long a frame waited for the decoder."""
        if at_us - self._changed_us < MICROSECONDS:
            return
        if waited_us > BUSY_US:
            self.rate, self._changed_us = max(self._floor, self.rate * RATE_DOWN), at_us
        elif self.rate < self._asked:
            self.rate, self._changed_us = min(self._asked, self.rate + RATE_UP_PER_S), at_us


class JpegEncoder:
    """YUV planes of a decoded frame to a JPEG of analysis size, without an RGB round trip."""

    def __init__(self, longest_side: int, quality: int) -> None:
        self._longest = longest_side
        self._quality = quality

    def encode(self, frame: av.VideoFrame) -> tuple[bytes, int, int]:
        """(JPEG, width, height); both even."""
        scale = min(1.0, self._longest / max(frame.width, frame.height))
        width, height = (
            max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height)
        )
        if (width, height) != (frame.width, frame.height) or frame.format.name != "yuv420p":
            frame = frame.reformat(width, height, "yuv420p")
        planes = [
            _plane(frame.planes[0], width, height),
            _plane(frame.planes[1], width // 2, height // 2),
            _plane(frame.planes[2], width // 2, height // 2),
        ]
        jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=self._quality)
        return jpeg, width, height


def _plane(plane: av.video.plane.VideoPlane, width: int, height: int) -> npt.NDArray[np.uint8]:
    """[height, width], without the padding at the end of its lines."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.ascontiguousarray(lines[:height, :width])


@dataclass(frozen=True, slots=True)
class Waiting:
    """An encoded frame on its way to the decoder."""

    frame: EncodedFrame
    capture_us: int
    since_us: int
    wanted: bool
    """By the sampler, as it came. Others are decoded with the next one, which refers to them."""


def decoder_threads() -> ThreadPoolExecutor:
    """For all sessions of a process. Decoding releases the GIL: a thread for each core is all that
    helps."""
    return ThreadPoolExecutor(os.cpu_count() or 1, "decode", scheduling.be_patient)


class VideoReceiver:
    """One video track, from encoded frames to the bus.

    Decoding runs on a thread of `executor`, one frame after the other. A frame that
    nothing refers to and that the sampler does not want is not decoded at all.
    """

    def __init__(
        self,
        session_id: str,
        executor: ThreadPoolExecutor,
        ledger: Ledger,
        clock: CaptureClock,
        sampler: Sampler,
        encoder: JpegEncoder,
        publish: Callable[[VideoFrame], None],
        lost_state: Callable[[], None],
        waited: Callable[[int], None] = lambda _: None,
    ) -> None:
        """publish: on the event loop, and takes over the accounting of the frame.
        lost_state: the decoder needs a key frame. waited: for how many microseconds a
        frame waited for the decoder, on its thread.
        """
        self._session_id = session_id
        self._executor = executor
        self._ledger = ledger
        self._clock = clock
        self._sampler = sampler
        self._encoder = encoder
        self._publish = publish
        self._lost_state = lost_state
        self._waited = waited
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._scheduled: Future[None] | None = None
        self._decoder: av.VideoCodecContext | None = None
        self._codec = ""
        self.sequence = 0
        self._closed = False

    def take(self, frame: EncodedFrame) -> None:
        """The next frame in decoding order, on the event loop."""
        self._ledger.receive()
        capture_us = self._clock.capture_us(frame.timestamp, frame.arrival_us)
        wanted = self._sampler.wants(capture_us)
        if frame.discardable and not wanted:
            self._ledger.drop("not_sampled")
            return
        with self._lock:
            if self._closed:
                self._ledger.drop("connection_closed")
                return
            if len(self._waiting) >= MAX_WAITING:
                for _ in self._waiting:
                    self._ledger.drop("decoder_overrun")
                self._waiting.clear()
                if not frame.key:  # it refers to what was just dropped
                    self._ledger.drop("decoder_overrun")
                    self._lost_state()
                    return
            self._waiting.append(Waiting(frame, capture_us, now_us(), wanted))
            if self._scheduled is None and self._due():
                self._scheduled = self._executor.submit(self._work)

    def _due(self) -> bool:
        """Whether what waits is to be decoded now."""
        return len(self._waiting) >= TOGETHER or any(each.wanted for each in self._waiting)

    async def close(self) -> None:
        """When it returns every frame is accounted for, or with `publish`."""
        with self._lock:
            self._closed = True
            for waiting in self._waiting:
                self._ledger.drop("connection_closed" if waiting.wanted else "not_sampled")
            self._waiting.clear()
            scheduled = self._scheduled
        if scheduled:
            await asyncio.wait([asyncio.wrap_future(scheduled)])
        self._decoder = None  # 1.3 MiB, which this receiver's cycles with aiortc's would keep
        await asyncio.sleep(0)  # what the thread has called for happens in this round

    # --- on a decoder thread

    def _work(self) -> None:
        # Only what waits now: then it is another session's turn.
        for _ in range(len(self._waiting)):
            with self._lock:
                if not self._waiting:
                    break
                waiting = self._waiting.popleft()
            if waiting.wanted:
                waited_us = now_us() - waiting.since_us
                self._waited(waited_us)
                self._sampler.report_wait(waited_us, waiting.since_us)
            self._handle(waiting.frame, waiting.capture_us)
        with self._lock:
            again = self._due()
            self._scheduled = self._executor.submit(self._work) if again else None

    def _handle(self, frame: EncodedFrame, capture_us: int) -> None:
        try:
            pictures = self._decode(frame)
        except (av.FFmpegError, MemoryError):
            self._ledger.drop("undecodable")
            self._loop.call_soon_threadsafe(self._lost_state)
            return
        if not pictures:
            self._ledger.drop("no_picture")
        elif not self._sampler.take(capture_us):
            self._ledger.drop("not_sampled")
        elif now_us() - capture_us > MAX_AGE_US:
            self._ledger.drop("stale")
        else:
            self._emit(pictures[-1], capture_us)

    def _decode(self, frame: EncodedFrame) -> list[av.VideoFrame]:
        if self._decoder is None or frame.codec != self._codec:
            self._codec = frame.codec
            self._decoder = new_decoder(frame.codec)
        return self._decoder.decode(av.Packet(frame.data))

    def _emit(self, picture: av.VideoFrame, capture_us: int) -> None:
        try:
            jpeg, width, height = self._encoder.encode(picture)
        except Exception:  # whatever a picture's format led to costs this picture alone
            log.exception("picture not encoded", format=picture.format.name)
            self._ledger.drop("error")
            return
        message = VideoFrame(
            header=Header(
                session_id=self._session_id, sequence=self.sequence, capture_time_us=capture_us
            ),
            jpeg=jpeg,
            width=width,
            height=height,
            source_width=picture.width,
            source_height=picture.height,
        )
        self.sequence += 1
        self._loop.call_soon_threadsafe(self._publish, message)


def new_decoder(codec: str) -> av.VideoCodecContext:
    """FFmpeg's, on this thread alone, which gives each picture as soon as it can."""
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.low_delay
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return decoder
