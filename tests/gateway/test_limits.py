"""413 for what is too large, declared or not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from gateway.limits import BodyLimit

LIMIT = 1_000


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(BodyLimit, limit=LIMIT)

    @app.post("/json")
    async def as_json(body: dict[str, str]) -> int:
        return len(body)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.get("/")
    async def get() -> str:
        return "ok"

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def chunked(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 300):
        yield b" " * min(300, size - start)


@pytest.mark.parametrize("path", ["/raw", "/json"])
@pytest.mark.parametrize("declared", [True, False])
async def test_too_large(http: httpx.AsyncClient, path: str, *, declared: bool) -> None:
    content = b"x" * (LIMIT + 1) if declared else chunked(LIMIT + 1)
    got = await http.post(path, content=content)
    assert got.status_code == 413
    assert str(LIMIT) in got.json()["error"]
    assert (await http.get("/")).json() == "ok"


async def test_just_fits(http: httpx.AsyncClient) -> None:
    assert (await http.post("/raw", content=b"x" * LIMIT)).json() == LIMIT
    assert (await http.post("/raw", content=chunked(LIMIT))).json() == LIMIT
    assert (await http.post("/json", json={"a": "b"})).json() == 1


async def test_a_length_that_is_none(http: httpx.AsyncClient) -> None:
    got = await http.post("/raw", content=b"", headers={"Content-Length": "many"})
    assert got.status_code == 413
