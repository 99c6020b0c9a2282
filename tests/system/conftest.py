"""The whole system as its users start it, and recordings replayed through it."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import SessionEvent

from deploy.ports import free_port, listens
from loadtest.client import Client, HeardHint
from loadtest.recording import Recording, default_cache, load
from services.runtime.bus import Bus
from services.runtime.settings import RuntimeSettings

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PORTS = 100
"""A system's: the supervisor counts its gRPC ports up from the first..."""

METRICS_PORTS = 50
"""... and its metrics ports from so much further."""

PORTS_USED = 20
"""Of either."""


@dataclass
class Greenroom:
    """A running `greenroom run`."""

    url: str
    nats_url: str
    log: Path
    supervisor: psutil.Process
    metrics_base_port: int
    killed: int = 0

    def process(self, module: str) -> psutil.Process:
        """The process of ``python -m module``."""
        for child in self.supervisor.children(recursive=True):
            if child.cmdline()[-1] == module:
                return child
        raise LookupError(f"no process runs {module}")

    def kill(self, module: str) -> None:
        """SIGKILL: no goodbye."""
        self.killed += 1
        self.process(module).kill()


@dataclass
class Replay:
    """What a client got of a session."""

    report: dict[str, Any]
    json: str
    html: str
    hints: list[HeardHint]
    session_id: str
    finished: set[str]
    """The analyzers that had said their last when the report was written, as the stream says."""
    audio_packets: int
    """Sent."""

    def accounting(self, kind: str) -> dict[str, Any]:
        return next(c for c in self.report["coverage"] if c["kind"] == kind)

    def measure(self, name: str) -> dict[str, Any]:
        return next(m for m in self.report["measures"] if m["measure"] == name)

    @property
    def words(self) -> str:
        return " ".join(w["text"] for q in self.report["questions"] for w in q.get("words", []))


def start(data_dir: Path, environment: dict[str, str] | None = None) -> Greenroom:
    """Start the system on free ports; returns when it is ready."""
    data_dir.mkdir(parents=True, exist_ok=True)
    http_port, nats_port = free_port(), free_port()
    base = free_range()
    log = data_dir / "greenroom.log"
    settings = {
        "GREENROOM_HTTP_PORT": str(http_port),
        "GREENROOM_NATS_PORT": str(nats_port),
        "GREENROOM_GRPC_BASE_PORT": str(base),
        "GREENROOM_METRICS_BASE_PORT": str(base + METRICS_PORTS),
        "GREENROOM_DATA_DIR": str(data_dir),
    }
    with log.open("w") as output:
        supervisor = psutil.Popen(
            [str(Path(sys.executable).parent / "greenroom"), "run"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | settings | (environment or {}),
        )
    url = f"http://127.0.0.1:{http_port}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and supervisor.is_running():
        # The line comes when every process listens.
        if "Greenroom is up" in log.read_text():
            return Greenroom(
                url, f"nats://127.0.0.1:{nats_port}", log, supervisor, base + METRICS_PORTS
            )
        time.sleep(0.1)
    supervisor.terminate()
    supervisor.wait(STOP_TIMEOUT_S)
    raise RuntimeError(f"the system did not start:\n{log.read_text()}")


def free_range() -> int:
    """The first of a system's ports, below the ephemeral range; those that it uses are free."""
    used = [first + offset for first in (0, METRICS_PORTS) for offset in range(PORTS_USED)]
    while True:
        base = 12_000 + (free_port() % 200) * PORTS
        if not any(listens(base + port) for port in used):
            return base


def stop(greenroom: Greenroom) -> None:
    """Nothing ended by itself meanwhile: the supervisor would have hidden that."""
    greenroom.supervisor.terminate()
    greenroom.supervisor.wait(STOP_TIMEOUT_S)
    said = greenroom.log.read_text()
    assert said.count("; starts again") == greenroom.killed, said[-5_000:]


@pytest.fixture(scope="module")
def greenroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    running = start(tmp_path_factory.mktemp("greenroom"))
    yield running
    stop(running)


@contextlib.asynccontextmanager
async def bus_of(greenroom: Greenroom) -> AsyncIterator[Bus]:
    settings = RuntimeSettings(nats_url=greenroom.nats_url)
    async with await Bus.connect(settings, "test", keep=False) as bus:
        yield bus


async def finished(greenroom: Greenroom, session_id: str) -> set[str]:
    """See Replay.finished; of a session whose report is there."""
    async with bus_of(greenroom) as bus:
        last = await bus._last(f"events.{session_id}")
    assert isinstance(last, SessionEvent)
    assert last.HasField("closed"), last
    return {Kind.Name(kind) for kind in last.closed.finished}


async def recording(path: Path) -> Recording:
    return await asyncio.to_thread(load, path, default_cache())


BODY: dict[str, Any] = {"role": "software engineer", "question_count": 1}


async def replay(
    greenroom: Greenroom,
    source: Recording,
    *,
    duration_s: float | None = None,
    body: dict[str, Any] | None = None,
    leave_out: str = "",
    during: Any = None,
) -> Replay:
    """A whole session: join, one question, the recording, the report.

    leave_out: "audio" or "video"; during: a coroutine function that gets the client.
    """
    if leave_out:
        source = source.without(leave_out)
    async with Client.create(greenroom.url, body or BODY) as client:
        await client.join(source, duration_s)
        await client.ask(client.created["questions"][0]["id"])
        if during:
            await during(client)
        await client.until_sent()
        await client.end()
        report, text, html = await client.report()
        assert client.connection is not None
        sent = sum(track.sent for track in client.connection.tracks if track.kind == "audio")
        done = await finished(greenroom, client.session_id)
        return Replay(report, text, html, client.hints, client.session_id, done, sent)


async def ready(greenroom: Greenroom, patience_s: float = 20.0) -> None:
    async with asyncio.timeout(patience_s), httpx.AsyncClient() as http:
        while True:
            try:
                if (await http.get(f"{greenroom.url}/readyz", timeout=1)).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
