"""What all tests share: the real NATS server, the real recordings, a watch on the event loop."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings as hypothesis_settings

from deploy.ports import free_port, listens
from services.runtime.bus import Bus
from services.runtime.settings import RuntimeSettings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("GREENROOM_SHARED", REPOSITORY.parent / "shared"))
NATS_SERVER = str(Path(sys.executable).parent / "nats-server")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is not there."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip(f"real recordings are missing: {data} (set GREENROOM_SHARED)")
    return data


# No deadline for one example of Hypothesis: that a machine stood still for a moment says nothing
# about the code, and a test that hangs is ended by pytest's timeout.
hypothesis_settings.register_profile("greenroom", deadline=None)
hypothesis_settings.load_profile("greenroom")

# grpc.aio stops its poller thread, blocking, when the last server or channel goes; held
# open for the whole run it never does so inside a test's loop.
grpc.aio.init_grpc_aio()


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real NATS server with JetStream; a module finds no sessions of another's."""
    port = free_port()
    store = tmp_path_factory.mktemp("nats")
    command = [NATS_SERVER, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(store)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_for_port(port)
        yield f"nats://127.0.0.1:{port}"
        server.terminate()


def wait_for_port(port: int, patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not listens(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.02)


@pytest.fixture
def settings(nats_url: str) -> RuntimeSettings:
    return RuntimeSettings(nats_url=nats_url, stream_max_bytes=256 * 1024**2)


@pytest.fixture
async def bus(settings: RuntimeSettings) -> AsyncIterator[Bus]:
    async with await Bus.connect(settings, "test") as connected:
        yield connected


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """A blocked event loop is a defect: blocking calls on it raise BlockingError."""
    with blockbuster_ctx() as detector:
        yield detector


ENDING_S = 10.0
"""A task that is just ending takes some turns of the loop, on a slow machine and through its
stalls: one that is left behind does not end at all."""


@pytest.fixture(autouse=True)
async def no_leaked_tasks(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fails an async test that leaves a task behind, and names it."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)  # what was closed last lets go of its socket in the loop's next turn
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    left.discard(asyncio.current_task())
    # nats-py's watch over a consumer's heartbeats outlives a closed connection by up to
    # two heartbeats, then ends by itself.
    left = {task for task in left if "activity_check" not in repr(task.get_coro())}
    if left:
        await asyncio.wait(left, timeout=ENDING_S)
        names = [task.get_name() + " " + repr(task.get_coro()) for task in left if not task.done()]
        assert not names, f"{request.node.name} left tasks: {names}"
