"""What the commands work out before a run."""

import contextlib
import socket

import pytest

from loadtest import cli
from loadtest.session import Target
from tests.system.conftest import free_range

LOCAL = Target(url="http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("gateways", "workers", "names"),
    [
        (1, 1, "gateway aggregator face gesture voice answers"),
        (2, 1, "aggregator gateway-0 gateway-1 face gesture voice answers"),
        (
            1,
            2,
            "gateway aggregator face-0 face-1 gesture-0 gesture-1 voice-0 voice-1 "
            "answers-0 answers-1",
        ),
    ],
)
def test_each_process_of_this_machine_is_asked_by_its_name(
    gateways: int, workers: int, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = free_range()
    monkeypatch.setenv("GREENROOM_METRICS_BASE_PORT", str(base))
    monkeypatch.setenv("GREENROOM_GATEWAYS", str(gateways))
    monkeypatch.setenv("GREENROOM_WORKERS", str(workers))
    expected = names.split()
    own = [name for name in expected if name != "gateway"]
    with contextlib.ExitStack() as stack:
        for number in range(len(own)):
            stack.enter_context(socket.create_server(("127.0.0.1", base + number)))
        found = {endpoint.name: endpoint.url for endpoint in cli._endpoints([], LOCAL)}
    assert list(found) == expected
    for number, name in enumerate(own):
        assert found[name] == f"http://127.0.0.1:{base + number}/metrics"
    if gateways == 1:
        assert found["gateway"] == "http://127.0.0.1:8080/metrics"


def test_elsewhere_only_the_gateway_is_known() -> None:
    [found] = cli._endpoints([], Target(url="https://coach.example.org"))
    assert (found.name, found.url) == ("gateway", "https://coach.example.org/metrics")
