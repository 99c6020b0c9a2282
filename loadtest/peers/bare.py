"""aiortc alone: receive and decode, nothing more. The yardstick of the gateway's cost."""

from __future__ import annotations

import asyncio

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from loadtest.peers.server import Consumer, Counts, serve

_tasks: set[asyncio.Task[None]] = set()
_connections: set[RTCPeerConnection] = set()


async def answer(offer: str, counts: Counts) -> str:
    connection = RTCPeerConnection()
    _connections.add(connection)
    consumer = Consumer(counts)

    @connection.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        task = asyncio.get_running_loop().create_task(_drain(track, consumer))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    @connection.on("connectionstatechange")
    async def changed() -> None:
        if connection.connectionState in ("failed", "closed"):
            _connections.discard(connection)
            await connection.close()

    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


async def _drain(track: MediaStreamTrack, consumer: Consumer) -> None:
    """Every frame is decoded by aiortc before it comes here."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if isinstance(frame, VideoFrame):
            consumer.frame()
        elif isinstance(frame, AudioFrame):
            consumer.audio(frame.samples / frame.sample_rate)


if __name__ == "__main__":
    serve(answer)
