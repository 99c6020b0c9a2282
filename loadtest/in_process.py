"""The gateway's own receiving path, handing JPEG and PCM to a consumer in its own process.

What the peers do, done by Greenroom's code: no bus, no sessions, nobody who listens. Answers WHIP
as loadtest/peers do, so that `make bench-peers` can measure it beside them.
"""

from __future__ import annotations

import asyncio

from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

from gateway.peer import MediaSink, Peer
from gateway.settings import GatewaySettings
from gateway.video import decoder_threads
from loadtest.peers.server import Counts, serve
from services.runtime import process, scheduling
from services.runtime.ledger import Ledger
from services.runtime.media import SAMPLE_BYTES, SAMPLE_RATE

CONSENTED = frozenset({"audio", "video"})

_settings = GatewaySettings()
_decoders = decoder_threads()
_closing: set[asyncio.Task[None]] = set()


async def answer(offer: str, counts: Counts) -> str:
    video, audio = Ledger("gateway_video"), Ledger("gateway_audio")

    def consume(message: VideoFrame | AudioChunk) -> None:
        if isinstance(message, VideoFrame):
            video.processed()
            counts.frames += 1
        else:
            counts.audio_seconds += len(message.pcm) / SAMPLE_BYTES / SAMPLE_RATE

    def changed(state: str) -> None:
        if state == "failed":
            closing = asyncio.get_running_loop().create_task(peer.close())
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)

    sink = MediaSink(consume, video, audio, waited=lambda _: None)
    peer = Peer("measured", CONSENTED, _settings, _decoders, sink, changed)
    return await peer.answer(offer)


if __name__ == "__main__":
    scheduling.be_prompt()
    process.keep_what_is_loaded()
    serve(answer, loop="uvloop")
