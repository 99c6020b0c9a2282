"""What every peer shares: WHIP in, and counts of what reached the consumer."""

from __future__ import annotations

import argparse
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import uvicorn
from fastapi import FastAPI, Request, Response

FRAME_RATE = 15.0
EARLY = 0.25
"""Of the interval: as gateway/video.py's sampler, so that both take every second frame of 30."""


@dataclass
class Counts:
    """What the consumers of all sessions got."""

    frames: int = 0
    audio_seconds: float = 0.0


class Consumer:
    """Of one session: at most FRAME_RATE frames a second, and all sound."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._due = 0.0

    def frame(self) -> None:
        now = time.monotonic()
        if now < self._due - EARLY / FRAME_RATE:
            return
        late = now - self._due > 1 / FRAME_RATE
        self._due = (now if late else self._due) + 1 / FRAME_RATE
        self._counts.frames += 1

    def audio(self, seconds: float) -> None:
        self._counts.audio_seconds += seconds


def serve(
    answer: Callable[[str, Counts], Awaitable[str]], loop: Literal["asyncio", "uvloop"] = "asyncio"
) -> None:
    """Until SIGTERM, on --port. answer: SDP offer to SDP answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    counts = Counts()
    app = FastAPI()

    @app.post("/whip")
    async def whip(request: Request) -> Response:
        sdp = await answer((await request.body()).decode(), counts)
        headers = {"Location": "/whip/1"}
        return Response(sdp, 201, headers, media_type="application/sdp")

    @app.delete("/whip/1")
    async def end() -> Response:
        return Response(status_code=200)

    @app.get("/counts")
    async def read() -> dict[str, float]:
        return {"frames": counts.frames, "audio_seconds": counts.audio_seconds}

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", loop=loop)
    uvicorn.Server(config).run()
