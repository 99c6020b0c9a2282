"""Processes by their own metrics."""

from dataclasses import replace

import httpx
import pytest
from prometheus_client import generate_latest

from loadtest.processes import Endpoint, Snapshot, another, growth, parse, scrape
from services.runtime.ledger import Ledger


def test_this_process_as_prometheus_client_writes_it() -> None:
    before = parse(generate_latest().decode())
    ledger = Ledger("loadtest_test")
    for _ in range(3):
        ledger.receive()
    ledger.processed()
    ledger.drop("stale")
    ledger.drop("stale")
    sum(n * n for n in range(300_000))
    after = parse(generate_latest().decode())
    grown = growth(before, after)
    assert grown.items[("loadtest_test", "processed", "")] == 1
    assert grown.items[("loadtest_test", "dropped", "stale")] == 2
    assert grown.cpu_s > 0
    assert after.memory_bytes > 10 * 2**20
    assert after.files > 3


def test_a_restarted_process_counts_anew() -> None:
    before = Snapshot(cpu_s=100, started_s=1, taken_s=10)
    after = Snapshot(cpu_s=2, started_s=11, taken_s=12)
    assert not another(before, after)
    assert growth(before, after).cpu_s == 2


def test_another_process_is_no_restart() -> None:
    """Two replicas behind one address, by turns."""
    old, new = Snapshot(cpu_s=900, started_s=1, taken_s=100), Snapshot(started_s=50, taken_s=102)
    assert another(old, new)
    assert another(new, replace(old, taken_s=104))
    assert not another(old, replace(old, taken_s=104))


async def test_who_does_not_answer_is_left_out() -> None:
    async with httpx.AsyncClient() as http:
        assert await scrape(http, [Endpoint("face", "http://127.0.0.1:9/metrics")]) == {}


def test_what_is_no_metrics() -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse("<html>not metrics</html>")
