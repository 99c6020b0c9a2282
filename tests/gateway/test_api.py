"""The HTTP API by itself, and against its own OpenAPI document."""

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api import HINT_SHOWN
from gateway.app import create_app
from gateway.settings import GatewaySettings
from services.runtime.bus import Bus, now_us
from tests.gateway.conftest import Gateway, RunGateway
from tests.gateway.test_sdp import CHROMIUM
from tests.gateway.test_sessions import events_of


def shown_s() -> float:
    """All that hints took to the screen so far."""
    [metric] = HINT_SHOWN.collect()
    return next(sample.value for sample in metric.samples if sample.name.endswith("_sum"))


async def test_a_session(gateway: Gateway) -> None:
    before_us = now_us()
    session = await gateway.create(role="nurse", question_count=2)
    assert before_us // 1000 <= session.created["now_ms"] <= now_us() // 1000
    assert len(session.created["questions"]) == 2
    path = f"/api/sessions/{session.id}"
    got = (await gateway.http.get(path, headers=session.headers)).json()
    assert got["state"] == "waiting"
    assert got["current_question"] is None
    question = session.created["questions"][0]["id"]
    assert (await session.post("question", {"question_id": question})).status_code == 204
    assert (await session.post("question", {"question_id": "none"})).status_code == 404
    got = (await gateway.http.get(path, headers=session.headers)).json()
    assert got["current_question"] == question
    for what in ("pause", "resume"):
        assert (await session.post(what)).status_code == 204
    shown_before_s = shown_s()
    assert (await session.post("hints/h1/shown", {"latency_ms": 12})).status_code == 204
    assert shown_s() - shown_before_s == pytest.approx(0.012)
    assert (await gateway.http.get(f"{path}/report", headers=session.headers)).status_code == 409
    assert (await session.post("end")).status_code == 204
    assert (await session.post("end")).status_code == 204, "a second end changes nothing"
    assert (await session.post("pause")).status_code == 410
    assert (await gateway.http.get(path, headers=session.headers)).json()["state"] == "ended"
    away = await gateway.http.get(f"{path}/report", headers=session.headers)
    assert away.status_code == 503
    assert away.headers["Retry-After"]


PATHS = [
    ("GET", ""), ("GET", "/report"), ("GET", "/events"), ("DELETE", ""),
    ("POST", "/pause"), ("POST", "/resume"), ("POST", "/end"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what"), PATHS)
async def test_tokens(gateway: Gateway, method: str, what: str) -> None:
    session, other = await gateway.create(), await gateway.create()

    async def status(session_id: str, **headers: str) -> int:
        path = f"/api/sessions/{session_id}{what}"
        got = await gateway.http.request(method, path, headers=headers)
        assert got.json().keys() == {"error", "what_to_do"}
        assert other.created["token"] not in got.text
        return got.status_code

    assert await status(session.id) == 401
    assert await status(session.id, Authorization="Basic abc") == 401
    assert await status(session.id, Authorization="Bearer") == 401
    assert await status(session.id, Authorization="Bearer wrong") == 403
    assert await status(session.id, **other.headers) == 403
    for unknown in ("0" * 24, "nobody", "x" * 5_000, "a.b", "*", ">", "%C3%A9", "a%20b"):
        assert await status(unknown, **session.headers) == 404
    assert (await session.post("pause")).status_code == 204, "nothing was harmed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"consent": {"camera": False, "microphone": False}}, 422),
        ({"question_count": 0}, 422),
        ({"unknown": 1}, 422),
        ({"resume": {"basics": 7}}, 422),
        ({"role": "x" * 101}, 422),
        ({"resume": "x" * 20_001}, 422),
        ({"resume": "x" * 300_000}, 413),
    ],
)
async def test_bodies(gateway: Gateway, body: dict[str, Any], status: int) -> None:
    got = await gateway.http.post("/api/sessions", json=body)
    assert got.status_code == status, got.text
    assert got.json().keys() == {"error", "what_to_do"}
    assert "xxx" not in got.text, "what was sent is not said back"


@pytest.mark.parametrize("path", ["/api/sessions", "/whip/" + "0" * 24])
async def test_a_body_without_end(gateway: Gateway, path: str) -> None:
    """The answer comes, and the connection closes, while the client still sends."""
    port = httpx.URL(gateway.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    got = b""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while b"413" not in got:
                writer.write(chunk)
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        got += await reader.read(1_000)
    writer.close()
    assert got.startswith(b"HTTP/1.1 413")
    await gateway.create()


async def test_a_candidate_returns(gateway: Gateway) -> None:
    first = await gateway.create()
    headers = {"Authorization": f"Bearer {first.created['candidate_token']}"}
    again = await gateway.http.post("/api/sessions", json={}, headers=headers)
    assert again.json()["candidate_id"] == first.created["candidate_id"]
    weak = await gateway.http.post("/api/sessions", json={}, headers={"Authorization": "Bearer me"})
    assert weak.status_code == 401


async def test_media_without_consent(gateway: Gateway) -> None:
    session = await gateway.create(consent={"camera": False})
    refused = await session.offer(CHROMIUM)
    assert refused.status_code == 403
    assert "video" in refused.json()["error"]


async def test_events(gateway: Gateway) -> None:
    session = await gateway.create()
    question = session.created["questions"][0]["id"]
    path = f"/api/sessions/{session.id}/events"
    got: list[dict[str, Any]] = []
    async with gateway.http.stream("GET", path, headers=session.headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-content-type-options"] == "nosniff"
        await session.post("question", {"question_id": question})
        await session.post("end", {"reason": "done"})
        async with asyncio.timeout(5):
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    got.append(json.loads(line.removeprefix("data:")))
    assert [each["type"] for each in got] == ["question", "state"]
    assert got[0]["question_id"] == question
    assert got[1] == {"type": "state", "state": "closed", "reason": "done"}
    assert (await gateway.http.get(path, headers=session.headers)).status_code == 410


async def test_readers_of_events_are_bounded(gateway: Gateway) -> None:
    session = await gateway.create()
    live = gateway.context.sessions.get(session.id)
    assert live
    listeners = [live.subscribe() for _ in range(8)]
    path = f"/api/sessions/{session.id}/events"
    assert (await gateway.http.get(path, headers=session.headers)).status_code == 429
    for listener in listeners:
        for number in range(1_000):
            listener.put({"type": "x", "number": number})
        assert (await listener.get())["number"] == 1_000 - 64
        live.unsubscribe(listener)


async def test_security_headers(gateway: Gateway) -> None:
    for path in ("/", "/api/measures", "/nothing", "/api/sessions/x"):
        got = await gateway.http.get(path)
        assert "default-src 'self'" in got.headers["content-security-policy"]
        assert got.headers["referrer-policy"] == "no-referrer"


async def test_a_browser_keeps_nothing_personal(gateway: Gateway) -> None:
    kept = {"/api/measures": "no-store", "/api/sessions/x": "no-store", "/": "no-cache"}
    for path, expected in (kept | {"/lib/api.js": "no-cache"}).items():
        assert (await gateway.http.get(path)).headers["cache-control"] == expected, path


async def test_a_question_that_is_sent_again_is_asked_once(gateway: Gateway, bus: Bus) -> None:
    session = await gateway.create()
    body = {"question_id": session.created["questions"][0]["id"]}
    for ask in ("first", "first", "second"):
        assert (await session.post("question", body | {"ask": ask})).status_code == 204
    assert (await events_of(bus, session.id)).count("question_started") == 2


async def test_unknown_paths_and_methods(gateway: Gateway) -> None:
    assert (await gateway.http.get("/api/nothing")).status_code == 404
    got = await gateway.http.get("/api/sessions")
    assert got.status_code == 405
    assert got.headers["Allow"] == "POST"
    assert (await gateway.http.put("/healthz")).status_code == 405


async def test_when_the_bus_is_away(run_gateway: RunGateway) -> None:
    async with run_gateway() as gateway:
        session = await gateway.create()
        assert (await gateway.http.get("/readyz")).status_code == 200
        await gateway.context.bus.close()
        assert (await gateway.http.get("/readyz")).status_code == 503
        for got in (
            await gateway.http.post("/api/sessions", json={}),
            await session.post("pause"),
            await gateway.http.get(f"/api/sessions/{session.id}", headers=session.headers),
        ):
            assert got.status_code == 503
            assert got.headers["Retry-After"]


# --- against its own description


def description() -> dict[str, Any]:
    return create_app(GatewaySettings()).openapi()


SCHEMA = schemathesis.openapi.from_dict(description())


def test_every_operation_says_how_it_can_fail() -> None:
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            if path in ("/healthz", "/readyz", "/metrics", "/api/measures"):
                continue
            assert {"401", "413", "503"} <= operation["responses"].keys(), (method, path)


@pytest.mark.parametrize(
    "label",
    sorted(
        f"{method.upper()} {path}"
        for path, operations in description()["paths"].items()
        for method in operations
    ),
)
async def test_fuzzed_requests(gateway: Gateway, label: str) -> None:
    """No status that the description does not promise, 500 least of all; with and without the
    session's token. No aggregator runs here, so that reports are 503."""
    method, path = label.split(" ", 1)
    operation = SCHEMA[path][method]
    session = await gateway.create()
    cases: list[Any] = []

    @settings(
        max_examples=25,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(), st.booleans())
    def draw(case: Any, own: bool) -> None:
        cases.append((case, own))

    await asyncio.to_thread(draw)
    for case, own in cases:
        if own and "session_id" in (case.path_parameters or {}):
            case.path_parameters["session_id"] = session.id
        case.headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if value.isprintable() and value.isascii()
        }
        if own:
            case.headers |= session.headers
        request = case.as_transport_kwargs(base_url=gateway.url)
        if path.endswith("/events") and own:
            continue  # it stays open
        request.pop("cookies", None)
        request = {key: value for key, value in request.items() if value is not None}
        if "data" in request:
            request["content"] = request.pop("data")
        answer = await gateway.http.request(**request)
        documented = operation.definition.raw["responses"]
        assert str(answer.status_code) in documented, (label, answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert answer.json().keys() == {"error", "what_to_do"}
    assert (await gateway.http.get("/readyz")).status_code == 200
