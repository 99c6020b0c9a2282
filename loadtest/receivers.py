"""Starting other receivers (loadtest/peers) and measuring their CPU for a number of sessions."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.ports import free_port
from loadtest.local import Usage
from loadtest.recording import Recording
from loadtest.whip import WhipConnection

REPOSITORY = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60.0
WARM_UP_S = 2.0
"""After joining: decoders start, key frames come."""


class ReceiverError(RuntimeError):
    """A receiver did not start; says what it said."""


@dataclass
class Cost:
    """CPU seconds over wall seconds with so many sessions, and what was delivered."""

    cpu_s: float = 0.0
    session_seconds: float = 0.0
    frames: float = 0.0
    audio_seconds: float = 0.0
    rounds: list[float] = field(default_factory=list)
    """Cores a session, of each round."""

    def add(self, cpu_s: float, session_seconds: float, frames: float, audio_s: float) -> None:
        self.cpu_s += cpu_s
        self.session_seconds += session_seconds
        self.frames += frames
        self.audio_seconds += audio_s
        self.rounds.append(cpu_s / session_seconds)

    @property
    def cores_per_session(self) -> float:
        return self.cpu_s / self.session_seconds

    @property
    def frames_per_second(self) -> float:
        return self.frames / self.session_seconds

    @property
    def audio_share(self) -> float:
        return self.audio_seconds / self.session_seconds


@contextlib.asynccontextmanager
async def receiver(module: str, python: str = sys.executable) -> AsyncIterator[tuple[int, str]]:
    """(process id, base URL) of ``python -m module``. Raises ReceiverError."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        python,
        *("-m", module, "--port", str(port)),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}"
    assert process.stderr is not None
    errors = asyncio.create_task(_tail(process.stderr))
    try:
        await _until_up(url, process, errors)
        yield process.pid, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await errors


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last of what it says: the pipe must not fill."""
    last = b""
    while data := await stream.read(4096):
        last = (last + data)[-2000:]
    return last


async def _until_up(
    url: str, process: asyncio.subprocess.Process, errors: asyncio.Task[bytes]
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    async with httpx.AsyncClient(base_url=url) as http:
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise ReceiverError(f"a receiver did not start:\n{(await errors).decode()}")
            with contextlib.suppress(httpx.HTTPError):
                await http.get("/counts")
                return
            await asyncio.sleep(0.1)
    raise ReceiverError(f"a receiver did not come up within {START_TIMEOUT_S:.0f} s")


async def measure(
    pid: int, url: str, recording: Recording, sessions: int, seconds: float, cost: Cost
) -> None:
    """One round of a receiver: join, warm up, measure, leave."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=20) as http,
        joined(http, url, recording, sessions, seconds + 60),
    ):
        await metered(pid, lambda: delivered(http), sessions, seconds, cost)


@contextlib.asynccontextmanager
async def joined(
    http: httpx.AsyncClient, url: str, recording: Recording, sessions: int, duration_s: float
) -> AsyncIterator[list[WhipConnection]]:
    connections = [WhipConnection(http, f"{url}/whip", {}) for _ in range(sessions)]
    try:
        for connection in connections:
            await connection.join(recording, duration_s)
        yield connections
    finally:
        for connection in connections:
            await connection.drop()  # a peer may take long to answer a DELETE


async def delivered(http: httpx.AsyncClient) -> tuple[float, float]:
    """(frames, seconds of sound) that a receiver's consumers got so far."""
    got = (await http.get("/counts")).json()
    return got["frames"], got["audio_seconds"]


async def metered(
    pid: int,
    counts: Callable[[], Awaitable[tuple[float, float]]],
    sessions: int,
    seconds: float,
    cost: Cost,
) -> None:
    """Adds what a process uses during `seconds`. counts: (frames, seconds of sound) so far."""
    await asyncio.sleep(WARM_UP_S)
    frames, audio_s = await counts()
    before = await asyncio.to_thread(Usage.of, pid)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    used = (await asyncio.to_thread(Usage.of, pid)).cpu_s - before.cpu_s
    lasted = time.monotonic() - began
    frames_after, audio_after = await counts()
    cost.add(used, lasted * sessions, frames_after - frames, audio_after - audio_s)
