"""Reports by HTTP, from a real store by real gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from greenroom.v1.report_pb2 import QuestionReport, Report, ReportWord
from greenroom.v1.report_pb2_grpc import add_ReportServiceServicer_to_server

from services.aggregator.rpc import ReportRpc
from services.aggregator.store import Store
from services.runtime.bus import Bus
from tests.gateway.conftest import Gateway, RunGateway
from tests.services.aggregator.conftest import OpenStore, open_store

__all__ = ["open_store"]

GRPC_LIMIT = 4 * 2**20
"""Bytes: what a gRPC client takes unless it is told otherwise."""


@pytest.fixture
async def store(tmp_path: Path, open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "reports.db") as opened:
        yield opened


@pytest.fixture
async def gateway(bus: Bus, store: Store, run_gateway: RunGateway) -> AsyncIterator[Gateway]:
    """One whose aggregator answers."""
    servicer = ReportRpc(affect=True)
    servicer.connect(bus, store)
    server = grpc.aio.server()
    add_ReportServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with run_gateway(reports_address=f"127.0.0.1:{port}") as running:
            yield running
    finally:
        await server.stop(0)


async def test_the_report_of_a_long_practice_comes_whole(gateway: Gateway, store: Store) -> None:
    session = await gateway.create()
    await session.post("end")
    words = [ReportWord(text="w" * 20, start_ms=number) for number in range(120_000)]
    report = Report(session_id=session.id, started_us=1, questions=[QuestionReport(words=words)])
    await store.put(session.created["candidate_id"], report)
    mine = {"Authorization": f"Bearer {session.created['candidate_token']}"}
    for path, headers in (
        (f"/api/sessions/{session.id}/report", session.headers),
        (f"/api/candidates/me/reports/{session.id}", mine),
        ("/api/candidates/me/export", mine),
    ):
        got = await gateway.http.get(path, headers=headers)
        assert got.status_code == 200, f"{path}: {got.text[:200]}"
        assert len(got.content) > GRPC_LIMIT


async def test_the_page_comes_when_it_is_asked_for(gateway: Gateway, store: Store) -> None:
    session = await gateway.create()
    await session.post("end")
    await store.put(session.created["candidate_id"], Report(session_id=session.id, started_us=1))
    got = await gateway.http.get(
        f"/api/sessions/{session.id}/report?format=html", headers=session.headers
    )
    assert got.headers["content-type"].startswith("text/html")
    assert "Your practice interview" in got.text
