"""ReportService over real gRPC, with a real NATS server and a real database file."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from greenroom.v1.report_pb2 import (
    EraseRequest,
    GetReportRequest,
    ListReportsRequest,
    MeasureValue,
    Report,
    Score,
)
from greenroom.v1.report_pb2_grpc import ReportServiceStub, add_ReportServiceServicer_to_server
from greenroom.v1.session_pb2 import SessionInfo

from services.aggregator.report import to_json
from services.aggregator.rpc import ReportRpc
from services.aggregator.store import Store
from services.runtime.bus import Bus
from tests.services.aggregator.conftest import OpenStore
from tests.services.aggregator.streams import SESSION, event, opening

if TYPE_CHECKING:
    from greenroom.v1.report_pb2_grpc import ReportServiceAsyncStub  # in the stubs alone

REPORT = Report(
    session_id="written",
    started_us=5,
    duration_ms=9_000,
    practised_ms=7_000,
    affect=True,
    measures=[MeasureValue(measure="smile", value=50), MeasureValue(measure="words", value=9)],
    scores=[Score(score="confidence", value=70), Score(score="fluency", value=60)],
    usual_scores=[Score(score="confidence", value=75), Score(score="fluency", value=80)],
)


@pytest.fixture
async def store(tmp_path: Path, open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "reports.db") as opened:
        yield opened


@pytest.fixture(params=[True])
def affect(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def rpc(affect: bool, bus: Bus, store: Store) -> AsyncIterator[ReportServiceAsyncStub]:
    servicer = ReportRpc(affect=affect)
    servicer.connect(bus, store)
    async with serving(servicer) as address, grpc.aio.insecure_channel(address) as channel:
        yield ReportServiceStub(channel)


class serving:  # noqa: N801 - reads as a word
    def __init__(self, servicer: ReportRpc) -> None:
        self._server = grpc.aio.server()
        add_ReportServiceServicer_to_server(servicer, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    async def __aenter__(self) -> str:
        await self._server.start()
        return f"127.0.0.1:{self._port}"

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)


async def refused(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code(), caught.value.details() or ""


async def begin(bus: Bus, session_id: str, candidate_id: str, *, ended: bool = False) -> None:
    info = SessionInfo(session_id=session_id, candidate_id=candidate_id, ended=ended)
    await bus.sessions.put(session_id, info.SerializeToString())


async def test_a_report_comes_as_message_json_and_page(
    rpc: ReportServiceAsyncStub, store: Store
) -> None:
    await store.put("candidate", REPORT)
    got = await rpc.GetReport(GetReportRequest(session_id="written", html=True))
    assert got.report == REPORT
    assert got.json == to_json(REPORT)
    assert "Your practice interview" in got.html


@pytest.mark.parametrize("affect", [False], indirect=True)
async def test_an_older_report_is_shown_without_affect_when_that_is_off(
    rpc: ReportServiceAsyncStub, store: Store
) -> None:
    await store.put("candidate", REPORT)
    got = await rpc.GetReport(GetReportRequest(session_id="written"))
    listed = await rpc.ListReports(ListReportsRequest(candidate_id="candidate"))
    for shown in (got.report, listed.reports[0]):
        assert [found.measure for found in shown.measures] == ["words"]
        assert [found.score for found in shown.scores] == ["fluency"]
    assert got.json == to_json(got.report)
    assert "smile" not in got.json


@pytest.mark.parametrize("affect", [False], indirect=True)
async def test_a_report_is_written_anew_beside_the_event_loop(
    rpc: ReportServiceAsyncStub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("candidate", REPORT)
    threads: list[threading.Thread] = []

    def noted(report: Report) -> str:
        threads.append(threading.current_thread())
        return to_json(report)

    monkeypatch.setattr("services.aggregator.rpc.to_json", noted)
    await rpc.GetReport(GetReportRequest(session_id="written"))
    assert threads
    assert threading.current_thread() not in threads


async def test_summaries_of_a_candidate(rpc: ReportServiceAsyncStub, store: Store) -> None:
    await store.put("candidate", REPORT)
    got = await rpc.ListReports(ListReportsRequest(candidate_id="candidate"))
    assert [each.session_id for each in got.reports] == ["written"]
    assert list(got.reports[0].scores) == list(REPORT.usual_scores), "on one scale"
    assert got.reports[0].practised_ms == REPORT.practised_ms
    assert not (await rpc.ListReports(ListReportsRequest(candidate_id="nobody"))).reports


async def test_why_there_is_no_report(rpc: ReportServiceAsyncStub, bus: Bus) -> None:
    await begin(bus, "rpc-running", "candidate")
    await begin(bus, "rpc-ended", "candidate", ended=True)
    unknown = await refused(rpc.GetReport(GetReportRequest(session_id="rpc-unknown")))
    assert unknown[0] == grpc.StatusCode.NOT_FOUND
    running = await refused(rpc.GetReport(GetReportRequest(session_id="rpc-running")))
    assert running == (grpc.StatusCode.FAILED_PRECONDITION, "the session has not ended")
    ended = await refused(rpc.GetReport(GetReportRequest(session_id="rpc-ended")))
    assert ended == (grpc.StatusCode.FAILED_PRECONDITION, "the report is being written")


async def test_erasing_a_session_takes_report_and_stream(
    rpc: ReportServiceAsyncStub, bus: Bus, store: Store
) -> None:
    await store.put("candidate", Report(session_id=SESSION, started_us=1))
    await begin(bus, SESSION, "candidate")
    await bus.publish_event(event(0, started=opening()[0].started))  # type: ignore[union-attr]
    assert (await rpc.Erase(EraseRequest(session_id=SESSION))).sessions == 1
    assert await store.get(SESSION) is None
    assert await bus.last_sequence(f"events.{SESSION}") is None
    gone = await refused(rpc.GetReport(GetReportRequest(session_id=SESSION)))
    assert gone[0] == grpc.StatusCode.NOT_FOUND


async def test_erasing_a_candidate_takes_sessions_that_have_no_report_yet(
    rpc: ReportServiceAsyncStub, bus: Bus, store: Store
) -> None:
    await store.put("rpc-erased", Report(session_id="rpc-first", started_us=1))
    await store.put("rpc-kept", Report(session_id="rpc-third", started_us=1))
    await begin(bus, "rpc-second", "rpc-erased")
    await begin(bus, "rpc-fourth", "rpc-kept")
    assert (await rpc.Erase(EraseRequest(candidate_id="rpc-erased"))).sessions == 2
    assert await store.get("rpc-first") is None
    assert await store.get("rpc-third")
    gone = await refused(rpc.GetReport(GetReportRequest(session_id="rpc-second")))
    assert gone[0] == grpc.StatusCode.NOT_FOUND
    left = await refused(rpc.GetReport(GetReportRequest(session_id="rpc-fourth")))
    assert left[0] == grpc.StatusCode.FAILED_PRECONDITION


async def test_before_the_bus_is_there_calls_are_unavailable() -> None:
    servicer = ReportRpc(affect=True)
    async with serving(servicer) as address, grpc.aio.insecure_channel(address) as channel:
        code, _ = await refused(
            ReportServiceStub(channel).GetReport(GetReportRequest(session_id="x"))
        )
    assert code == grpc.StatusCode.UNAVAILABLE
