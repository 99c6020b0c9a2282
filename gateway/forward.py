"""Several gateways as one: a request goes on to the gateway that looks after its session.

Gateways may share a port (SO_REUSEPORT) or stand behind a balancer that knows nothing of
sessions. A session has one home, where it was made or, when that died, where it was next
asked for; its home answers on the bus with the address at which other gateways reach it.
A new session goes on to a gateway that has room when the one that is asked has none.
"""

from __future__ import annotations

import re
from http import HTTPStatus

import httpx
import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.context import Context
from gateway.errors import answer
from gateway.limits import replay

log = structlog.get_logger(__name__)

SESSION_PATH = re.compile(r"/(?:api/sessions|whip)/([0-9a-f]{24})(?:/|$)")

CREATION = "/api/sessions"

FORWARDED = "x-greenroom-forwarded"
"""On a request that came from another gateway: it goes no further."""

TRIES = 3
"""Gateways that a new session is offered to: what had room may be full a moment later."""

UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout)
"""Nothing of the request has gone out."""

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "host"})
"""Headers of one connection (RFC 9110, 7.6.1), and what the client sets anew."""

CONNECT_S = 2.0
ANSWER_S = 20.0
"""The home gathers ICE candidates before it answers an offer."""
EVENTS, EVENTS_S = "/events", 60.0
"""Event streams have no end, but a ping each 15 s."""

KEPT = 20
"""Connections that stay open without a request. Of those with one there is no other bound than
that of sessions and their readers: an event stream holds one for all its life."""


def client() -> httpx.AsyncClient:
    """For requests from gateway to gateway."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT)
    return httpx.AsyncClient(limits=limits, trust_env=False)


class Forward:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        home = await self._home(scope) if scope["type"] == "http" else ""
        if not home:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        tries = TRIES if _creates(scope) else 1
        while home and tries:
            tries -= 1
            try:
                response = await self._ask(home, request, body)
            except UNREACHABLE as error:
                # It died a moment ago, or can't be reached from here: the session moves here.
                log.warning("another gateway is out of reach", error=type(error).__name__)
                break
            if not (_creates(scope) and _refused(response)):
                await response(scope, receive, send)
                return
            if response.background:
                await response.background()  # its answer is not read
            home = await self._home(scope)
        await self._app(scope, replay(body, receive), send)

    async def _home(self, scope: Scope) -> str:
        """Address of another gateway that this request is for; empty when it is for this one."""
        context: Context = scope["app"].state.context
        forwarded = any(name == FORWARDED.encode() for name, _ in scope["headers"])
        if forwarded or not context.bus.connected:
            return ""
        if _creates(scope):
            return await context.sessions.elsewhere()
        found = SESSION_PATH.match(scope["path"])
        if found is None or context.sessions.get(found[1]):
            return ""
        session_id = found[1]
        told = await context.bus.ask(f"gateway.{session_id}")
        return (told or b"").decode()

    async def _ask(self, home: str, request: Request, body: bytes) -> Response:
        """Raises UNREACHABLE."""
        context: Context = request.app.state.context
        kept = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
        patience_s = EVENTS_S if request.url.path.endswith(EVENTS) else ANSWER_S
        made = context.gateways.build_request(
            request.method,
            httpx.URL(home).copy_with(
                raw_path=request.scope["raw_path"] + _query(request.scope["query_string"])
            ),
            headers=[*kept, (FORWARDED, "1")],
            content=body,
            timeout=httpx.Timeout(patience_s, connect=CONNECT_S),
        )
        try:
            got = await context.gateways.send(made, stream=True)
        except UNREACHABLE:
            raise
        except httpx.HTTPError as error:
            log.warning("another gateway did not answer", error=type(error).__name__)
            return answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The session's gateway does not answer.",
                "Try again in a moment.",
                {"Retry-After": "1"},
            )
        response = StreamingResponse(
            got.aiter_raw(), got.status_code, background=BackgroundTask(got.aclose)
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in got.headers.raw
            if name.lower().decode() not in HOP_BY_HOP
        ]
        return response


def _refused(response: Response) -> bool:
    """By the other gateway's own word: where its answer was lost the session may be made."""
    unavailable = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    return unavailable and isinstance(response, StreamingResponse)


def _creates(scope: Scope) -> bool:
    return (scope["method"], scope["path"]) == ("POST", CREATION)


def _query(query: bytes) -> bytes:
    return b"?" + query if query else b""
