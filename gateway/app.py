"""The gateway's application: routes, the page, health, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path

import grpc
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from greenroom.v1.report_pb2_grpc import ReportServiceStub
from greenroom.v1.session_pb2_grpc import add_SessionServiceServicer_to_server
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import api, errors, forward, opus, reports, whip
from gateway.context import Context
from gateway.limits import BodyLimit
from gateway.load import Load
from gateway.registry import Registry
from gateway.rpc import SessionRpc
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings
from services.runtime import process, questions, tasks
from services.runtime.health import serve_grpc

WEB = Path(__file__).parent / "web"

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
MAX_REPORT_BYTES = 64 * 2**20
"""Of an answer of the aggregator: a report of half an hour has passed gRPC's 4 MiB."""

PERSONAL = ("/api/", "/whip/")
"""Beginnings of the paths of a person's own data."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}


def create_app(settings: GatewaySettings, home: str = "") -> FastAPI:
    """The ASGI application; connects to NATS and the aggregator when it starts.

    home: URL at which other gateways reach this one.
    """
    app = FastAPI(
        title="Greenroom",
        version="1",
        description="Practise an interview: sessions, WHIP, hints and reports.",
        docs_url=None,  # a page of scripts from another host, which the CSP forbids
        redoc_url=None,
        lifespan=_lifespan(settings, home),
    )
    errors.install(app)
    app.add_middleware(forward.Forward)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(SecurityHeaders)
    app.include_router(api.router)
    app.include_router(reports.router)
    app.include_router(whip.router)
    _add_operations(app)
    _add_page(app)
    return app


def _lifespan(
    settings: GatewaySettings, home: str
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for load_file in (
            questions.bank,
            opus.library,
            mimetypes.init,
        ):  # no request shall wait for them
            await asyncio.to_thread(load_file)
        async with (
            await process.connect(settings, "gateway") as bus,
            grpc.aio.insecure_channel(
                settings.reports_address,
                options=[("grpc.max_receive_message_length", MAX_REPORT_BYTES)],
            ) as channel,
            forward.client() as gateways,
        ):
            registry = Registry(bus, settings.session_minutes)
            measured = Load(settings.busy_ms / 1000)
            sessions = Sessions(bus, registry, settings, measured, home)
            rpc = SessionRpc(registry, sessions)
            app.state.context = Context(
                settings,
                bus,
                registry,
                sessions,
                ReportServiceStub(channel),
                gateways,
            )
            async with serve_grpc(
                settings, lambda server: add_SessionServiceServicer_to_server(rpc, server)
            ) as server:
                await sessions.tell_room()  # before the first request, not with the first sweep
                await server.set_serving(True)
                loops = [
                    asyncio.create_task(sessions.watch()),
                    asyncio.create_task(process.watch_loop_lag(measured.lagged)),
                ]
                try:
                    yield
                finally:
                    await tasks.end(loops)
                    await sessions.close()

    return lifespan


def _add_operations(app: FastAPI) -> None:
    @app.get("/healthz", response_class=PlainTextResponse, tags=["operations"])
    async def healthz() -> str:
        """The process answers."""
        return "ok\n"

    @app.get("/readyz", response_class=PlainTextResponse, tags=["operations"])
    async def readyz(request: Request) -> PlainTextResponse:
        """The process can serve: it is connected to NATS."""
        context: Context = request.app.state.context
        if context.bus.connected:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not connected to NATS\n", HTTPStatus.SERVICE_UNAVAILABLE)

    @app.get("/metrics", tags=["operations"])
    def metrics() -> Response:  # on a thread: it reads /proc
        """Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _kept(path: str) -> str:
    """How long a browser may keep an answer: a person's own not at all, the page's files as long
    as they are the server's, so that an upgrade brings all of them."""
    return "no-store" if path.startswith(PERSONAL) else "no-cache"


class SecurityHeaders:
    """ASGI middleware: adds SECURITY_HEADERS and Cache-Control where an answer does not set its
    own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _kept(scope["path"]))
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class Page(Mount):
    """The page's files, wherever no route is.

    A path that a route knows by another method is answered 405 with what is allowed
    (RFC 9110, 15.5.6), and not as a missing file.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        super().__init__("/", StaticFiles(directory=WEB, html=True), name="web")
        self._others = [route for route in routes if isinstance(route, Route)]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed: set[str] = set()
        for route in self._others:
            if route.matches(scope)[0] is Match.PARTIAL:
                allowed |= route.methods or set()
        if not allowed:
            await super().handle(scope, receive, send)
            return
        response = errors.answer(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"{scope['method']} is not possible here.",
            "See /openapi.json for what this server takes.",
            {"Allow": ", ".join(sorted(allowed))},
        )
        await response(scope, receive, send)


def _add_page(app: FastAPI) -> None:
    spec = find_spec("plotly")  # not imported: that takes longer than all else here
    assert spec is not None
    assert spec.origin is not None
    plotly = Path(spec.origin).parent / "package_data" / "plotly.min.js"

    @app.get("/vendor/plotly.min.js", include_in_schema=False)
    async def plotly_js() -> FileResponse:
        """Out of the installed package: nothing is loaded from another host."""
        return FileResponse(plotly, media_type="text/javascript")

    routes = [*api.router.routes, *reports.router.routes, *whip.router.routes, *app.routes]
    app.router.routes.append(Page(routes))
