"""FastRTC's Stream with a handler that ends in a consumer."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import numpy as np
import numpy.typing as npt
from fastrtc import (  # type: ignore[import-not-found]
    AsyncAudioVideoStreamHandler,
    Stream,
)

from loadtest.peers.server import Consumer, Counts, serve

_counts = Counts()
SESSIONS = 64


class Handler(AsyncAudioVideoStreamHandler):  # type: ignore[misc]
    """Takes everything, says nothing."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=16_000)
        self._consumer = Consumer(_counts)

    def copy(self) -> Handler:
        return Handler()

    async def start_up(self) -> None:
        pass

    async def video_receive(self, frame: npt.NDArray[np.uint8]) -> None:
        self._consumer.frame()

    async def receive(self, frame: tuple[int, npt.NDArray[np.int16]]) -> None:
        rate, samples = frame
        self._consumer.audio(samples.size / rate)

    async def video_emit(self) -> npt.NDArray[np.uint8]:
        await asyncio.Event().wait()
        raise AssertionError

    async def emit(self) -> Any:
        await asyncio.Event().wait()


_stream = Stream(Handler(), modality="audio-video", mode="send-receive", concurrency_limit=SESSIONS)
# Its page knows no sender of both; its connections do, and then start to receive by themselves.
_stream.mode = "send"


async def answer(offer: str, counts: Counts) -> str:
    global _counts  # FastRTC makes its handlers itself
    _counts = counts
    body = {"sdp": offer, "type": "offer", "webrtc_id": secrets.token_hex(8)}
    got = await _stream.handle_offer(body, set_outputs=lambda *_: None)
    return str(got["sdp"])


if __name__ == "__main__":
    serve(answer)
