"""Several gateways on one port: whichever gets a request, its session's home answers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from deploy.ports import free_port
from gateway import sessions
from services.runtime import tasks
from services.runtime.bus import Bus
from tests.gateway.conftest import Gateway, RunGateway, Session
from tests.gateway.test_sessions import joined, report_late, until, well_past_busy
from tests.gateway.test_whip import connected, fragment, offer_of, trickle


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has room is heard, though the machine stands still; that nobody has is known at once."""
    monkeypatch.setattr(sessions, "ROOM_PATIENCE_S", 10)


@contextlib.asynccontextmanager
async def pair(run_gateway: RunGateway) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Two gateways, each reached for sure by a port of its own."""
    async with run_gateway() as one, run_gateway() as two:
        yield one, two


async def test_whip_by_way_of_another_gateway(run_gateway: RunGateway) -> None:
    async with pair(run_gateway) as (one, two):
        session = await one.create()
        elsewhere = Session(two, session.created)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        sdp = await offer_of(connection, "audio")
        bare = "\r\n".join(line for line in sdp.splitlines() if "candidate" not in line) + "\r\n"
        answer = await elsewhere.offer(bare)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"] == "application/sdp"
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        location, tag = answer.headers["Location"], answer.headers["ETag"]
        sent = await trickle(elsewhere, location, fragment(sdp), **{"If-Match": tag})
        assert sent.status_code == 204
        await connected(connection)
        assert one.context.sessions.get(session.id)
        assert two.context.sessions.get(session.id) is None, "one home"
        for gateway in (one, two):
            path = f"/api/sessions/{session.id}"
            state = await gateway.http.get(path, headers=session.headers)
            assert state.json()["state"] == "connected"
            assert len(state.headers.get_list("content-security-policy")) == 1
        assert (await two.http.delete(location, headers=session.headers)).status_code == 200
        assert (await one.http.delete(location, headers=session.headers)).status_code == 404
        refused = await two.http.get(f"/api/sessions/{session.id}")
        assert refused.status_code == 401
        assert refused.json()["what_to_do"]
        await connection.close()


async def test_events_by_way_of_another_gateway(run_gateway: RunGateway) -> None:
    async with pair(run_gateway) as (one, two):
        session = await one.create()
        question = session.created["questions"][0]["id"]
        path = f"/api/sessions/{session.id}/events"
        live = one.context.sessions.get(session.id)
        assert live
        async with two.http.stream("GET", path, headers=session.headers):
            assert len(live._listeners) == 1
        await until(lambda: not live._listeners)
        got = []
        async with two.http.stream("GET", path, headers=session.headers) as stream:
            await Session(two, session.created).post("question", {"question_id": question})
            await session.post("end")
            async with asyncio.timeout(5):
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        got.append(json.loads(line.removeprefix("data:"))["type"])
        assert got == ["question", "state"]


async def test_when_the_home_dies(run_gateway: RunGateway) -> None:
    async with run_gateway() as two:
        async with run_gateway() as one:
            session = await one.create()
        elsewhere = Session(two, session.created)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        answer = await elsewhere.offer(await offer_of(connection, "audio"))
        assert answer.status_code == 201
        assert two.context.sessions.get(session.id), "its new home"
        await connection.close()


async def test_a_home_out_of_reach(run_gateway: RunGateway, bus: Bus) -> None:
    """Its address leads nowhere from here: the session is answered here."""
    async with run_gateway() as gateway:
        session = await gateway.create()
        await gateway.context.sessions.forget(session.id)
        nowhere = f"http://127.0.0.1:{free_port()}".encode()
        home = await bus.answer(f"gateway.{session.id}", lambda: nowhere)
        question = {"question_id": session.created["questions"][0]["id"]}
        assert (await session.post("question", question)).status_code == 204
        assert gateway.context.sessions.get(session.id)
        await home.unsubscribe()


async def test_one_port_for_both(run_gateway: RunGateway) -> None:
    """The kernel deals connections out; every request of every session is answered."""
    port = free_port()
    async with run_gateway(shared_port=port) as one, run_gateway(shared_port=port) as two:
        made = []
        for _ in range(16):  # a connection each, so that both get some
            async with httpx.AsyncClient(base_url=one.url, timeout=10) as http:
                created = await http.post("/api/sessions", json={"question_count": 1})
                made.append(Session(one, created.json()))
        homes = [gateway.context.sessions for gateway in (one, two)]
        assert all(len(home._live) > 0 for home in homes)
        assert sum(len(home._live) for home in homes) == 16
        for session in made:
            for _ in range(4):
                async with httpx.AsyncClient(base_url=one.url, timeout=10) as http:
                    path = f"/api/sessions/{session.id}"
                    state = await http.get(path, headers=session.headers)
                    assert state.json()["state"] == "waiting"
        assert sum(len(home._live) for home in homes) == 16


async def test_a_full_gateway_sends_new_sessions_to_one_with_room(run_gateway: RunGateway) -> None:
    async with run_gateway(max_sessions=1) as one, run_gateway(max_sessions=1) as two:
        first, second = await one.create(), await one.create()
        assert one.context.sessions.get(first.id)
        assert two.context.sessions.get(second.id), "made where there is room"
        async with joined(first), joined(second):
            for gateway in (one, two):
                refused = await gateway.http.post("/api/sessions", json={})
                assert refused.status_code == 503
                assert int(refused.headers["Retry-After"]) > 0
        await first.post("end")
        await until(lambda: one.context.sessions._room is not None)
        third = await two.create()
        assert one.context.sessions.get(third.id)


async def test_sessions_made_at_once_are_spread(run_gateway: RunGateway) -> None:
    """What two gateways hold is what they have places for, though one alone was asked."""
    async with run_gateway(max_sessions=2) as one, run_gateway(max_sessions=2) as two:
        made = await asyncio.gather(*(one.create() for _ in range(4)))
        for gateway in (one, two):
            here = [s for s in made if gateway.context.sessions.get(s.id)]
            assert len(here) == 2


async def test_a_gateway_short_of_time_sends_them_too(run_gateway: RunGateway) -> None:
    async with run_gateway(busy_ms=2_000) as one, run_gateway() as two:
        late = asyncio.create_task(report_late(one.context.sessions._load))
        try:
            await well_past_busy(one.context.sessions._load)
            session = await one.create()
        finally:
            await tasks.end([late])
        assert two.context.sessions.get(session.id)


async def test_the_one_with_room_is_out_of_reach(run_gateway: RunGateway, bus: Bus) -> None:
    """The session waits here for a place, as it would without any other gateway."""
    nowhere = f"http://127.0.0.1:{free_port()}".encode()
    async with run_gateway(max_sessions=1) as gateway:
        other = await bus.answer(sessions.ROOM, lambda: nowhere)
        await gateway.create()
        second = await gateway.create()
        assert gateway.context.sessions.get(second.id)
        await other.unsubscribe()


async def test_a_bad_request_is_refused_by_whoever_gets_it(run_gateway: RunGateway) -> None:
    async with run_gateway(max_sessions=1) as one, run_gateway(max_sessions=1) as two:
        await one.create()
        refused = await one.http.post("/api/sessions", json={"question_count": -1})
        assert refused.status_code == 422
        assert not two.context.sessions._live
