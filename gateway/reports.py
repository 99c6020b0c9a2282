"""Reports and a candidate's own data, by the aggregator's gRPC."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Literal

import grpc
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from google.protobuf.json_format import MessageToDict
from greenroom.v1.report_pb2 import (
    EraseRequest,
    GetReportRequest,
    GetReportResponse,
    ListReportsRequest,
    ReportSummary,
)

from gateway import errors
from gateway.context import Authorization, Context, context_of
from gateway.errors import ApiError
from gateway.registry import candidate_of

router = APIRouter(
    prefix="/api",
    tags=["reports"],
    responses=errors.documented(401, 403, 404, 409, 410, 413, 422, 503),
)

REPORT_RETRY_S = 1

Format = Literal["json", "html"]


def _failed_not_found() -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "There is no report of this session.",
        "It may have been erased.",
    )


def _failed(error: grpc.aio.AioRpcError) -> ApiError:
    """What the query plane's failure means to a browser."""
    if error.code() == grpc.StatusCode.NOT_FOUND:
        return _failed_not_found()
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Reports can't be reached just now.",
        "Try again in a moment: nothing is lost.",
        {"Retry-After": str(REPORT_RETRY_S)},
    )


@router.get("/sessions/{session_id}/report")
async def report(
    request: Request,
    session_id: str,
    format: Format = "json",
    authorization: Authorization = None,
) -> Response:
    """The report as JSON or, with ?format=html, as a page that stands alone.

    202 with Retry-After while it is being written; 409 while the session goes on.
    """
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization, live=False)
    if not info.ended:
        raise ApiError(
            HTTPStatus.CONFLICT,
            "The session has not ended.",
            "End it first with POST /api/sessions/{id}/end.",
        )
    wanted = GetReportRequest(session_id=session_id, html=format == "html")
    try:
        got = await context.reports.GetReport(wanted)
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
            return JSONResponse(
                {"state": "writing"},
                HTTPStatus.ACCEPTED,
                {"Retry-After": str(REPORT_RETRY_S)},
            )
        raise _failed(error) from error
    return _report_response(got, wanted)


def _report_response(got: GetReportResponse, wanted: GetReportRequest) -> Response:
    if wanted.html:
        # It carries its own styles and no script that this origin would have to trust.
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(got.html, media_type="text/html", headers=headers)
    return Response(got.json, media_type="application/json")


@router.delete("/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
async def erase_session(
    request: Request, session_id: str, authorization: Authorization = None
) -> None:
    """Removes the session, its signals and its report from every store."""
    context = context_of(request)
    await context.registry.authorize(session_id, authorization, live=False)
    await context.sessions.forget(session_id)
    await _erase(context, EraseRequest(session_id=session_id))


async def _erase(context: Context, erase: EraseRequest) -> int:
    try:
        erased = await context.reports.Erase(erase)
    except grpc.aio.AioRpcError as error:
        raise _failed(error) from error
    return erased.sessions


async def _summaries(context: Context, candidate_id: str) -> list[ReportSummary]:
    try:
        listed = await context.reports.ListReports(ListReportsRequest(candidate_id=candidate_id))
    except grpc.aio.AioRpcError as error:
        raise _failed(error) from error
    return list(listed.reports)


@router.get("/candidates/me/reports")
async def own_reports(
    request: Request, authorization: Authorization = None
) -> list[dict[str, Any]]:
    """Summaries of all practices of the candidate, oldest first."""
    context = context_of(request)
    summaries = await _summaries(context, candidate_of(authorization))
    return [MessageToDict(summary, preserving_proto_field_name=True) for summary in summaries]


@router.get("/candidates/me/reports/{session_id}")
async def own_report(
    request: Request,
    session_id: str,
    format: Format = "json",
    authorization: Authorization = None,
) -> Response:
    """A past report in full, as JSON or with ?format=html as a page that stands alone."""
    context = context_of(request)
    summaries = await _summaries(context, candidate_of(authorization))
    if session_id not in {summary.session_id for summary in summaries}:
        raise _failed_not_found()
    wanted = GetReportRequest(session_id=session_id, html=format == "html")
    return _report_response(await _full(context, wanted), wanted)


async def _full(context: Context, wanted: GetReportRequest) -> GetReportResponse:
    try:
        return await context.reports.GetReport(wanted)
    except grpc.aio.AioRpcError as error:
        raise _failed(error) from error


@router.get("/candidates/me/export")
async def export(request: Request, authorization: Authorization = None) -> Response:
    """All reports of the candidate in full, transcripts included."""
    context = context_of(request)
    candidate_id = candidate_of(authorization)
    reports = []
    for summary in await _summaries(context, candidate_id):
        got = await _full(context, GetReportRequest(session_id=summary.session_id))
        reports.append(json.loads(got.json))
    headers = {"Content-Disposition": 'attachment; filename="greenroom-export.json"'}
    return JSONResponse({"candidate_id": candidate_id, "reports": reports}, headers=headers)


@router.delete("/candidates/me")
async def erase_candidate(request: Request, authorization: Authorization = None) -> dict[str, int]:
    """Erases all that is kept of the candidate; says how many practices that were."""
    context = context_of(request)
    candidate_id = candidate_of(authorization)
    # Nothing has been erased yet when the aggregator, which purges the stream too, is away.
    for session_id in await context.registry.sessions_of(candidate_id):
        await context.sessions.forget(session_id)
    return {"sessions": await _erase(context, EraseRequest(candidate_id=candidate_id))}
