"""ReportService over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from greenroom.v1.report_pb2 import (
    EraseRequest,
    EraseResponse,
    GetReportRequest,
    GetReportResponse,
    ListReportsRequest,
    ListReportsResponse,
    Report,
    ReportSummary,
)
from greenroom.v1.report_pb2_grpc import ReportServiceServicer
from greenroom.v1.session_pb2 import SessionInfo
from nats.js.errors import KeyNotFoundError, NoKeysError

from services.aggregator.affect import without_affect
from services.aggregator.html import render
from services.aggregator.report import to_json
from services.aggregator.store import Store, StoredReport
from services.runtime.bus import Bus

if TYPE_CHECKING:
    # Generic in the stubs alone.
    Call: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class ReportRpc(ReportServiceServicer):
    """Reads and erases what the store has; any aggregator answers for all sessions."""

    def __init__(self, *, affect: bool) -> None:
        """affect: whether reports that were written with affect scores still show them."""
        self._affect = affect
        self._bus: Bus | None = None
        self._store: Store | None = None

    def connect(self, bus: Bus, store: Store) -> None:
        """The server starts before the bus is there; until then calls are unavailable."""
        self._bus, self._store = bus, store

    async def GetReport(  # noqa: N802 - the service's name
        self, request: GetReportRequest, context: Call
    ) -> GetReportResponse:
        bus, store = await self._ready(context)
        stored = await store.get(request.session_id)
        if stored is None:
            code, why = await self._absence(bus, request.session_id)
            await context.abort(code, why)
            raise AssertionError("abort raises")
        report = Report.FromString(stored.message)
        if report.affect and not self._affect:
            report = without_affect(report)
            json = await asyncio.to_thread(to_json, report)
        else:
            json = stored.json.decode()
        html = await asyncio.to_thread(render, report) if request.html else ""
        return GetReportResponse(report=report, json=json, html=html)

    async def ListReports(  # noqa: N802
        self, request: ListReportsRequest, context: Call
    ) -> ListReportsResponse:
        _, store = await self._ready(context)
        stored = await store.of_candidate(request.candidate_id)
        return ListReportsResponse(reports=[self._summary(each) for each in stored])

    async def Erase(  # noqa: N802
        self, request: EraseRequest, context: Call
    ) -> EraseResponse:
        bus, store = await self._ready(context)
        wanted = {"session_id": request.session_id, "candidate_id": request.candidate_id}
        gone = await store.erase(**wanted)
        live = [] if request.session_id else await _sessions_of(bus, request.candidate_id)
        erased = {*gone, *live, request.session_id} - {""}
        for session_id in erased:
            await bus.purge(session_id)
        # Once more: a report may have been stored until its session was purged. Who stores one
        # after that sees that the session is gone, and erases it again.
        late = await store.erase(**wanted)
        return EraseResponse(sessions=len({*gone, *live, *late}))

    async def _ready(self, context: Call) -> tuple[Bus, Store]:
        if self._bus is None or self._store is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting: try again in a moment")
            raise AssertionError("abort raises")
        return self._bus, self._store

    async def _absence(self, bus: Bus, session_id: str) -> tuple[grpc.StatusCode, str]:
        try:
            entry = await bus.sessions.get(session_id or "none")
        except KeyNotFoundError:
            return grpc.StatusCode.NOT_FOUND, "there is no such session"
        if SessionInfo.FromString(entry.value or b"").ended:
            return grpc.StatusCode.FAILED_PRECONDITION, "the report is being written"
        return grpc.StatusCode.FAILED_PRECONDITION, "the session has not ended"

    def _summary(self, stored: StoredReport) -> ReportSummary:
        report = Report.FromString(stored.message)
        if not self._affect:
            report = without_affect(report)
        return ReportSummary(
            session_id=report.session_id,
            started_us=report.started_us,
            duration_ms=report.duration_ms,
            practised_ms=report.practised_ms,
            measures=report.measures,
            scores=report.usual_scores,
        )


async def _sessions_of(bus: Bus, candidate_id: str) -> list[str]:
    """The candidate's sessions of which there is no report yet, or that are not yet forgotten."""
    if not candidate_id:
        return []
    found = []
    with contextlib.suppress(NoKeysError):
        for key in await bus.sessions.keys():
            with contextlib.suppress(KeyNotFoundError):
                entry = await bus.sessions.get(key)
                info = SessionInfo.FromString(entry.value or b"")
                if info.candidate_id == candidate_id:
                    found.append(info.session_id)
    return found
