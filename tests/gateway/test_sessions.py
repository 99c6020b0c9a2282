"""Sessions at a gateway: places, grace, other gateways, the end, and what is left of it."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable

import nats.errors
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import AudioChunk
from greenroom.v1.session_pb2 import SessionEvent, SessionInfo

from gateway import live, sessions
from gateway.forward import FORWARDED
from gateway.load import Load
from services.runtime import tasks
from services.runtime.bus import Bus, now_us
from services.runtime.media import MICROSECONDS
from tests.gateway.conftest import Gateway, RunGateway, Session
from tests.gateway.test_whip import connected, offer_of
from tests.stream import held


@contextlib.asynccontextmanager
async def joined(session: Session, **headers: str) -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    answer = await session.offer(await offer_of(connection, "audio"), **headers)
    try:
        assert answer.status_code == 201, answer.text
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await connected(connection)
        yield connection
    finally:
        await connection.close()


async def until(condition: Callable[[], object], patience_s: float = 10.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.02)


async def events_of(bus: Bus, session_id: str) -> list[str]:
    """Kinds of the session's events so far."""
    messages = [recorded.message for recorded in await held(bus, session_id, signals=())]
    return [each.WhichOneof("body") or "" for each in messages if isinstance(each, SessionEvent)]


async def until_ended(gateway: Gateway, session: Session, patience_s: float = 10.0) -> None:
    async with asyncio.timeout(patience_s):
        while not (await gateway.context.registry.find(session.id)).ended:
            await asyncio.sleep(0.02)
    assert gateway.context.sessions.get(session.id) is None


async def test_a_full_gateway_refuses_and_the_others_go_on(run_gateway: RunGateway) -> None:
    async with run_gateway(max_sessions=2) as gateway:
        first, second, third = [await gateway.create() for _ in range(3)]
        offer = await spare_offer()
        async with joined(first) as connection, joined(second):
            refused = await third.offer(offer)
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            new = await gateway.http.post("/api/sessions", json={})
            assert new.status_code == 503
            assert connection.connectionState == "connected"
            again = await first.offer(offer)
            assert again.status_code == 201, "who has a place may reconnect"
        await second.post("end")
        assert (await third.offer(offer)).status_code == 201


async def spare_offer() -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offer = await offer_of(connection, "audio")
    await connection.close()
    return offer


async def test_offers_at_the_same_moment_do_not_pass_together(run_gateway: RunGateway) -> None:
    async with run_gateway(max_sessions=2) as gateway:
        made = [await gateway.create() for _ in range(6)]
        offer = await spare_offer()
        answers = await asyncio.gather(*(session.offer(offer) for session in made))
        assert sorted(a.status_code for a in answers) == [201, 201, 503, 503, 503, 503]


async def test_a_gateway_short_of_time_refuses(run_gateway: RunGateway) -> None:
    """As measured, and not by a count: the loop is late, then it is not."""
    async with run_gateway(busy_ms=2_000) as gateway:
        session, other = await gateway.create(), await gateway.create()
        offer = await spare_offer()
        async with joined(session) as connection:
            load = gateway.context.sessions._load
            late = asyncio.create_task(report_late(load))
            try:
                await well_past_busy(load)
                refused = await other.offer(offer)
                assert refused.status_code == 503
                assert "short of time" in refused.json()["error"]
                new = await gateway.http.post("/api/sessions", json={})
                assert new.status_code == 503
                assert connection.connectionState == "connected"
                assert (await session.offer(offer)).status_code == 201
            finally:
                await tasks.end([late])
            await until(lambda: not load.busy, patience_s=20)
            assert (await other.offer(offer)).status_code == 201


async def well_past_busy(load: Load) -> None:
    """At the threshold itself the mean fades below it again between two reports; from twice that
    it takes two seconds without any."""
    await until(lambda: load._wait.value(time.monotonic()) > 2 * load._busy_s)
    assert load.busy


async def report_late(load: Load) -> None:
    while True:
        load.waited(6_000_000)
        await asyncio.sleep(0.05)


async def test_waiting_sessions_are_bounded(run_gateway: RunGateway) -> None:
    async with run_gateway(max_sessions=1) as gateway:
        for _ in range(1 + sessions.WAITING_PLACES):
            await gateway.create()
        assert (await gateway.http.post("/api/sessions", json={})).status_code == 503


async def test_the_grace_of_a_lost_candidate(run_gateway: RunGateway, bus: Bus) -> None:
    async with run_gateway(grace_seconds=0.5) as gateway:
        session = await gateway.create()
        waiting = await gateway.create()
        async with joined(session):
            pass
        await until_ended(gateway, session)
        assert (await session.post("pause")).status_code == 410
        events = await events_of(bus, session.id)
        assert events == ["started", "media_connected", "media_disconnected", "ended"]
        assert gateway.context.sessions.get(waiting.id), "not yet connected: waits longer"


async def test_a_session_that_is_never_used(run_gateway: RunGateway) -> None:
    async with run_gateway(unused_minutes=0.01) as gateway:
        session = await gateway.create()
        await until_ended(gateway, session)
        assert (await session.post("pause")).status_code == 410


async def test_a_session_whose_time_is_over(run_gateway: RunGateway) -> None:
    async with run_gateway(session_minutes=1) as gateway:
        session = await gateway.create()
        made = await gateway.context.registry.find(session.id)
        assert made.expires_us - made.created_us == 60 * MICROSECONDS

        def let_expire(info: SessionInfo) -> None:
            info.expires_us = now_us()

        async with joined(session):
            here = gateway.context.sessions.get(session.id)
            assert here
            await gateway.context.registry.change(session.id, let_expire)
            let_expire(here.info)  # as this gateway keeps it
            await until_ended(gateway, session)
        expired = await session.post("pause")
        assert expired.status_code == 401
        assert "expired" in expired.json()["error"]


async def test_a_connection_that_never_stands(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An offer whose ICE never comes: its place is free again."""
    monkeypatch.setattr(live, "CONNECT_PATIENCE_US", 500_000)
    session = await gateway.create()
    offer = await spare_offer()
    lines = [line for line in offer.splitlines() if "candidate" not in line]
    assert (await session.offer("\r\n".join(lines) + "\r\n")).status_code == 201
    here = gateway.context.sessions.get(session.id)
    assert here
    assert here.peer
    await until(lambda: here.peer is None)


async def test_a_session_of_another_gateway(
    run_gateway: RunGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone while its gateway lives, ended here on request, adopted when orphaned."""
    monkeypatch.setattr(sessions, "ADOPT_S", 0.5)
    async with run_gateway() as one:
        async with run_gateway() as two:
            session, other = await two.create(), await two.create()
            unused = await two.create()
            await session.post("question", {"question_id": session.created["questions"][0]["id"]})
            ids = {session.id, other.id, unused.id}
            await until(lambda: ids <= one.context.sessions._going.keys())
            await next_round_of_adoption(one)
            assert ids.isdisjoint(one.context.sessions._live)
            ended = await one.http.post(f"/api/sessions/{other.id}/end", headers=other.headers)
            assert ended.status_code == 204
            await until(lambda: two.context.sessions.get(other.id) is None)
            again = await two.http.get(f"/api/sessions/{other.id}", headers=other.headers)
            assert again.json()["state"] == "ended"
        await until(lambda: one.context.sessions.get(session.id))
        await until(lambda: one.context.sessions.get(unused.id))
        await next_round_of_adoption(one)
        orphan = one.context.sessions.get(session.id)
        assert orphan
        assert orphan.ever_connected, "its grace time has begun"
        state = await one.http.get(f"/api/sessions/{session.id}", headers=session.headers)
        assert state.json()["state"] == "disconnected"
        waiting = one.context.sessions.get(unused.id)
        assert waiting
        assert not waiting.ever_connected, "it has the time that a first connection has"


async def test_a_gateway_that_is_away_for_a_moment_keeps_its_sessions(
    gateway: Gateway, run_gateway: RunGateway
) -> None:
    """After a restart of the bus it may be back a little later than who looks for orphans."""
    async with run_gateway() as two:
        session = await two.create()
        here = gateway.context.sessions
        await until(lambda: session.id in here._going)
        home = two.context.sessions._live[session.id]._subscriptions[-1]
        await home.unsubscribe()
        await two.context.bus._connection.flush()
        await here._adopt_orphans()
        assert here.get(session.id) is None
        again = await two.context.bus.answer(f"gateway.{session.id}", lambda: b"here")
        await two.context.bus._connection.flush()
        await here._adopt_orphans()
        assert here.get(session.id) is None
        await again.unsubscribe()
        await two.context.bus._connection.flush()
        for _ in range(2):
            await here._adopt_orphans()
        assert here.get(session.id), "nobody looks after it"


async def test_a_session_is_nobodys_whose_opening_failed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus is away just then: it must not be kept here, as if this were its home."""
    session = await gateway.create()
    here = gateway.context.sessions
    info = here._live[session.id].info
    await here.forget(session.id)

    async def away(_session_id: str) -> bool:
        raise nats.errors.TimeoutError

    monkeypatch.setattr(here, "_has_ended", away)
    with pytest.raises(nats.errors.TimeoutError):
        await here.open(info)
    assert here.get(session.id) is None
    assert await gateway.context.bus.ask(f"gateway.{session.id}") is None


async def next_round_of_adoption(gateway: Gateway) -> None:
    """Until the round that may be under way is over, and another one after it."""
    async with asyncio.timeout(20):
        for _ in range(2):
            began_us = gateway.context.sessions._adopted_us
            while gateway.context.sessions._adopted_us == began_us:
                await asyncio.sleep(0.02)


async def test_a_reconnection_at_another_gateway(
    run_gateway: RunGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was not sent home: the home sees the media elsewhere, and does not end the
    session."""
    patient = functools.partialmethod(Bus.has_media, patience_s=10)
    monkeypatch.setattr(Bus, "has_media", patient)
    async with run_gateway(grace_seconds=0.5) as one, run_gateway() as two:
        session = await one.create()

        async def send() -> None:
            chunk = AudioChunk(header=Header(session_id=session.id))
            while True:
                await two.context.bus.publish_audio(chunk)
                await asyncio.sleep(0.05)

        sending = asyncio.create_task(send())
        try:
            async with joined(session):
                pass
            moved = Session(two, session.created)
            async with joined(moved, **{FORWARDED: "1"}):
                await until(lambda: one.context.sessions.get(session.id) is None)
                assert not (await one.context.registry.find(session.id)).ended
                assert two.context.sessions.get(session.id)
        finally:
            await tasks.end([sending])


async def test_requests_that_meet_the_end(gateway: Gateway) -> None:
    """Offers and event streams at the same moment as the end leave nothing open."""
    offer = await spare_offer()
    for _ in range(5):
        session = await gateway.create()
        answers = await asyncio.gather(
            session.offer(offer), session.post("end"), session.offer(offer), session.post("end")
        )
        assert all(a.status_code in (201, 204, 404, 410) for a in answers), answers
        assert gateway.context.sessions.get(session.id) is None


async def test_nothing_is_left_of_a_session(gateway: Gateway) -> None:
    session = await gateway.create()
    async with joined(session):
        await session.post("end")
    before = asyncio.all_tasks()
    for _ in range(3):
        session = await gateway.create()
        async with joined(session):
            await session.post("end")

    def left() -> set[asyncio.Task[object]]:
        return {task for task in asyncio.all_tasks() - before if not task.done()}

    with contextlib.suppress(TimeoutError):
        await until(lambda: not left())
    assert not left()
    assert not gateway.context.sessions._live
    assert not gateway.context.sessions._joining
