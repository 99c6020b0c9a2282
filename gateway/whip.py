"""WHIP (RFC 9725): an offer in, an answer out; PATCH to trickle, DELETE to end."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from gateway import errors
from gateway.context import Authorization, Context, context_of
from gateway.errors import ApiError
from gateway.live import LiveSession
from gateway.settings import GatewaySettings

router = APIRouter(
    tags=["whip"],
    responses=errors.documented(400, 401, 403, 404, 406, 410, 412, 413, 415, 422, 428, 503),
)

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"

IfMatch = Annotated[str | None, Header(alias="If-Match")]


def ice_links(settings: GatewaySettings) -> list[str]:
    """The Link headers that tell a client its ICE servers (RFC 9725, 4.6)."""
    links = []
    for url in settings.ice_servers:
        link = f'<{url}>; rel="ice-server"'
        if settings.ice_username and settings.ice_credential:
            link += f'; username="{settings.ice_username}"'
            link += f'; credential="{settings.ice_credential}"; credential-type="password"'
        links.append(link)
    return links


def _with_links(response: Response, settings: GatewaySettings) -> Response:
    for link in ice_links(settings):
        response.headers.append("Link", link)
    return response


@router.options("/whip/{session_id}", include_in_schema=False)
async def options(request: Request, session_id: str) -> Response:
    headers = {"Accept-Post": SDP, "Accept-Patch": FRAGMENT}
    response = Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    return _with_links(response, context_of(request).settings)


@router.post(
    "/whip/{session_id}",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses={HTTPStatus.CREATED: {"content": {SDP: {}}}},
)
async def offer(request: Request, session_id: str, authorization: Authorization = None) -> Response:
    """SDP offer in the body; a further one of the same session replaces the connection."""
    context = context_of(request)
    info = await context.registry.authorize(session_id, authorization)
    _require_type(request, SDP)
    connection, answer = await context.sessions.connect(info, await _text(request))
    response = Response(answer, HTTPStatus.CREATED, media_type=SDP)
    response.headers["Location"] = f"/whip/{session_id}/{connection}"
    response.headers["ETag"] = etag(connection)
    return _with_links(response, context.settings)


@router.patch("/whip/{session_id}/{connection}", status_code=HTTPStatus.NO_CONTENT)
async def trickle(
    request: Request,
    session_id: str,
    connection: str,
    authorization: Authorization = None,
    if_match: IfMatch = None,
) -> Response:
    """ICE candidates as a trickle-ice-sdpfrag (RFC 8840)."""
    context = context_of(request)
    await context.registry.authorize(session_id, authorization)
    _require_type(request, FRAGMENT)
    fragment = await _text(request)
    peer = _connection(context, session_id, connection).peer
    assert peer is not None
    if if_match is None:
        raise ApiError(
            HTTPStatus.PRECONDITION_REQUIRED,
            "The ICE session is not named.",
            "Send 'If-Match' with the ETag of the answer (RFC 9725, 4.3.1).",
        )
    if if_match not in ("*", etag(connection)):
        raise ApiError(
            HTTPStatus.PRECONDITION_FAILED,
            "The ETag is of another ICE session.",
            "Use the ETag of the answer, or post a fresh offer.",
        )
    await peer.trickle(fragment)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.delete("/whip/{session_id}/{connection}", status_code=HTTPStatus.OK)
async def end_connection(
    request: Request, session_id: str, connection: str, authorization: Authorization = None
) -> Response:
    """Ends this connection. The session waits its grace time for another one."""
    context = context_of(request)
    await context.registry.authorize(session_id, authorization, live=False)
    live = _connection(context, session_id, connection)
    assert live.peer is not None
    await live.disconnect("candidate", live.peer)
    return Response(status_code=HTTPStatus.OK)


def etag(connection: str) -> str:
    """One for each ICE session, strong (RFC 9725, 4.3)."""
    return f'"ice-{connection}"'


def _connection(context: Context, session_id: str, connection: str) -> LiveSession:
    live = context.sessions.get(session_id)
    if live is None or live.peer is None or live.peer_id != connection:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "There is no such connection.",
            "It ended or was replaced: post a fresh offer.",
        )
    return live


def _require_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body must be {wanted}.",
            f"Send 'Content-Type: {wanted}'.",
        )


async def _text(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "The body is not UTF-8 text.", "Send SDP as text."
        ) from error
