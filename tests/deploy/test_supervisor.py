"""The supervisor starts everything, restarts what dies, and leaves nothing behind."""

import asyncio
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy import supervisor
from deploy.ports import free_port
from deploy.supervisor import Program, StartError, System, SystemSettings
from services.runtime import tasks
from tests.system.conftest import METRICS_PORTS, free_range, start

pytestmark = pytest.mark.timeout(180)

PATIENCE_S = 20.0


@pytest.mark.e2e
def test_ctrl_c_stops_all(tmp_path: Path) -> None:
    running = start(tmp_path)
    children = running.supervisor.children(recursive=True)
    assert len(children) == 7  # NATS, gateway, aggregator and four analyzers
    running.supervisor.send_signal(signal.SIGINT)
    assert running.supervisor.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(children, timeout=1)
    assert alive == []
    assert "Traceback" not in running.log.read_text()


@pytest.mark.e2e
def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    running = start(tmp_path)
    children = running.supervisor.children(recursive=True)
    running.supervisor.kill()
    running.supervisor.wait(PATIENCE_S)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []


@pytest.mark.e2e
async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        base = free_range()
        settings = SystemSettings(
            http_port=taken,
            nats_port=free_port(),
            grpc_base_port=base,
            metrics_base_port=base + METRICS_PORTS,
            data_dir=tmp_path,
        )
        with pytest.raises(StartError, match=f"port {taken} for gateway is taken"):
            await System(settings).__aenter__()


# --- one program in the place of Greenroom's


class One(System):
    """Of a single program."""

    def __init__(self, command: list[str], data_dir: Path) -> None:
        self.said: list[str] = []
        self.stop_asked = asyncio.Event()
        super().__init__(
            SystemSettings(data_dir=data_dir),
            lambda program, line: self.said.append(f"{program}: {line}"),
            "in a.log",
            stop=self.stop_asked,
        )
        self._program = Program("one", command, port=free_port())

    def _plan(self) -> list[Program]:
        return [self._program]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_program_that_can_not_be_started_is_named_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "program"
    one = One([str(path)], tmp_path)
    keeping = asyncio.create_task(one._keep(one._program))
    try:
        await until(lambda: bool(one.said))
        assert one.said[0].startswith("supervisor: one could not be started: [Errno 2]")
        await asyncio.to_thread(path.symlink_to, "/bin/true")
        await until(lambda: "supervisor: one ended (0); starts again" in one.said)
        assert not one._program.failure
    finally:
        await tasks.end([keeping])


async def test_a_start_ends_at_once_when_a_program_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"one could not be started: .*No such file"):
        await One([str(tmp_path / "none")], tmp_path).__aenter__()


async def test_a_program_that_does_not_come_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_TIMEOUT_S", 0.0)
    with pytest.raises(StartError, match=r"one did not come up: see its lines in a\.log"):
        await One(["sleep", "60"], tmp_path).__aenter__()


async def test_a_stop_while_it_starts(tmp_path: Path) -> None:
    one = One(["sleep", "60"], tmp_path)
    starting = asyncio.create_task(one.__aenter__())
    await until(lambda: one._program.process is not None)
    one.stop_asked.set()
    async with asyncio.timeout(PATIENCE_S):
        await starting
        await one.stop()
    assert one._program.process is not None
    assert one._program.process.returncode == -signal.SIGTERM
