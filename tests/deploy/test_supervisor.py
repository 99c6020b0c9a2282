"""The supervisor starts everything, restarts what dies, and leaves nothing behind."""

import signal
import socket
from pathlib import Path

import psutil
import pytest

from deploy.ports import free_port
from deploy.supervisor import StartError, System, SystemSettings
from tests.system.conftest import free_range, start

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PATIENCE_S = 20.0


def test_ctrl_c_stops_all(tmp_path: Path) -> None:
    running = start(tmp_path)
    children = running.supervisor.children(recursive=True)
    assert len(children) == 7  # NATS, gateway, aggregator and four analyzers
    running.supervisor.send_signal(signal.SIGINT)
    assert running.supervisor.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(children, timeout=1)
    assert alive == []
    assert "Traceback" not in running.log.read_text()


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    running = start(tmp_path)
    children = running.supervisor.children(recursive=True)
    running.supervisor.kill()
    running.supervisor.wait(PATIENCE_S)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        settings = SystemSettings(
            http_port=taken,
            nats_port=free_port(),
            grpc_base_port=free_range(),
            metrics_base_port=free_range(),
            data_dir=tmp_path,
        )
        with pytest.raises(StartError, match=f"port {taken} for gateway is taken"):
            await System(settings).__aenter__()
