"""pipecat's SmallWebRTC transport, with a pipeline that ends in a consumer."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import (  # type: ignore[import-not-found]
    InputAudioRawFrame,
    InputImageRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # type: ignore[import-not-found]
from pipecat.pipeline.runner import PipelineRunner  # type: ignore[import-not-found]
from pipecat.pipeline.task import PipelineTask  # type: ignore[import-not-found]
from pipecat.processors.frame_processor import FrameProcessor  # type: ignore[import-not-found]
from pipecat.transports.base_transport import TransportParams  # type: ignore[import-not-found]
from pipecat.transports.smallwebrtc.connection import (  # type: ignore[import-not-found]
    SmallWebRTCConnection,
)
from pipecat.transports.smallwebrtc.transport import (  # type: ignore[import-not-found]
    SmallWebRTCTransport,
)

from loadtest.peers.server import Consumer, Counts, serve

_tasks: set[asyncio.Task[None]] = set()


class Sink(FrameProcessor):  # type: ignore[misc]
    """The pipeline's end."""

    def __init__(self, consumer: Consumer) -> None:
        super().__init__()
        self._consumer = consumer

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputImageRawFrame):
            self._consumer.frame()
        elif isinstance(frame, InputAudioRawFrame):
            self._consumer.audio(frame.num_frames / frame.sample_rate)
        else:
            await self.push_frame(frame, direction)


async def answer(offer: str, counts: Counts) -> str:
    connection = SmallWebRTCConnection()
    await connection.initialize(sdp=offer, type="offer")
    transport = SmallWebRTCTransport(
        connection,
        TransportParams(audio_in_enabled=True, audio_in_sample_rate=16_000, video_in_enabled=True),
    )
    pipeline = Pipeline([transport.input(), Sink(Consumer(counts))])
    task = PipelineTask(pipeline, cancel_on_idle_timeout=False)

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]
    async def connected(transport: Any, client: Any) -> None:
        await transport.capture_participant_video("camera")

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]
    async def disconnected(transport: Any, client: Any) -> None:
        await task.cancel()

    running = asyncio.get_running_loop().create_task(PipelineRunner(handle_sigint=False).run(task))
    _tasks.add(running)
    running.add_done_callback(_tasks.discard)
    return str(connection.get_answer()["sdp"])


if __name__ == "__main__":
    serve(answer)
