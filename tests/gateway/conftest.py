"""A real gateway in the test's own loop: real HTTP, real NATS, no service behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sse_starlette.sse import AppStatus

from deploy.ports import free_port
from gateway import sessions
from gateway.__main__ import listen
from gateway.app import create_app
from gateway.context import Context
from gateway.settings import GatewaySettings


@dataclass
class Gateway:
    """A gateway that runs, with a client for it."""

    url: str
    http: httpx.AsyncClient
    app: FastAPI

    @property
    def context(self) -> Context:
        context: Context = self.app.state.context
        return context

    async def create(self, **body: Any) -> "Session":
        answer = await self.http.post("/api/sessions", json={"question_count": 1} | body)
        assert answer.status_code == 201, answer.text
        return Session(self, answer.json())


@dataclass
class Session:
    """A session made by POST /api/sessions."""

    gateway: Gateway
    created: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.created["session_id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.created['token']}"}

    async def post(self, what: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.gateway.http.post(
            f"/api/sessions/{self.id}/{what}", json=body, headers=self.headers | headers
        )

    async def offer(self, sdp: str | bytes, **headers: str) -> httpx.Response:
        return await self.gateway.http.post(
            f"/whip/{self.id}",
            content=sdp,
            headers=self.headers | {"Content-Type": "application/sdp"} | headers,
        )


async def end_event_streams() -> None:
    """sse-starlette's watcher lives as long as the process; here it ends with the server."""
    watchers = [t for t in asyncio.all_tasks() if "_shutdown_watcher" in repr(t.get_coro())]
    if watchers:
        AppStatus.should_exit = True
        await asyncio.wait(watchers, timeout=2)
        AppStatus.should_exit = False


RunGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture
def run_gateway(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> RunGateway:
    """``async with run_gateway(max_sessions=2) as gateway``."""
    # The sessions that earlier tests left to this server take no places here.
    monkeypatch.setattr(sessions, "ADOPT_S", 3_600)

    @contextlib.asynccontextmanager
    async def run(shared_port: int = 0, **settings: Any) -> AsyncIterator[Gateway]:
        port = shared_port or free_port()
        public = listen("127.0.0.1", port, share=bool(shared_port))
        private = listen("127.0.0.1", 0)
        home = f"http://127.0.0.1:{private.getsockname()[1]}"
        made = GatewaySettings.model_validate(
            {
                "nats_url": nats_url,
                "http_port": port,
                "stream_max_bytes": 256 * 1024**2,
                "busy_ms": 60_000,  # a busy machine shall fail no test
            }
            | settings
        )
        app = await asyncio.to_thread(create_app, made, home)  # reads files
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(server._serve([public, private]))
        try:
            async with asyncio.timeout(10):
                while not server.started:
                    await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=10) as http:
                yield Gateway(url, http, app)
        finally:
            server.should_exit = True
            await serving
            await end_event_streams()

    return run


@pytest.fixture
async def gateway(run_gateway: RunGateway) -> AsyncIterator[Gateway]:
    async with run_gateway() as running:
        yield running
