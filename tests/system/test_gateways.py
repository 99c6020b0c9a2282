"""Two gateway processes behind one port."""

import asyncio
import contextlib
import http.client
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from gateway.sessions import ROOM_PATIENCE_S
from loadtest.client import Client
from loadtest.recording import Recording
from loadtest.whip import RefusedError
from tests.system.conftest import BODY, Greenroom, recording, start, stop
from tests.system.test_replay import DEMO, replay_undisturbed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

AT_ONCE = 4
HTTPX_KEEPS_S = 5.0


@pytest.fixture(scope="module")
def greenroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    running = start(tmp_path_factory.mktemp("gateways"), {"GREENROOM_GATEWAYS": "2"})
    yield running
    stop(running)


def gateways(greenroom: Greenroom) -> list[psutil.Process]:
    children = greenroom.supervisor.children(recursive=True)
    return [child for child in children if child.cmdline()[-1] == "gateway"]


async def test_sessions_at_both(greenroom: Greenroom, shared_data: Path) -> None:
    """Whole sessions, at the same time, though each request may reach either process."""
    assert len(await asyncio.to_thread(gateways, greenroom)) == 2
    source = await recording(shared_data / DEMO)
    got = await replay_undisturbed(greenroom, *[source] * AT_ONCE, duration_s=5)
    assert all(one.words for one in got)


def test_an_idle_connection_is_kept_for_longer_than_its_clients_do(greenroom: Greenroom) -> None:
    """Or a question that goes out just as it closes is lost."""
    kept = http.client.HTTPConnection(urlsplit(greenroom.url).netloc)
    for wait_s in (0, HTTPX_KEEPS_S + 1):
        time.sleep(wait_s)
        kept.request("GET", "/readyz")
        assert kept.getresponse().read()
        kept.auto_open = 0  # from then on: no other connection in its place
    kept.close()


async def test_one_dies(greenroom: Greenroom) -> None:
    """The other answers at once."""
    first, _ = await asyncio.to_thread(gateways, greenroom)
    greenroom.killed += 1
    await asyncio.to_thread(first.kill)
    await asyncio.to_thread(first.wait, 10)
    for _ in range(10):
        async with httpx.AsyncClient(base_url=greenroom.url, timeout=10) as asking:
            created = await asking.post("/api/sessions", json={})
            assert created.status_code == 201


@contextlib.asynccontextmanager
async def with_a_place(greenroom: Greenroom, source: Recording) -> AsyncIterator[Client]:
    """A client that has joined. Who was asked for room and was slow to say so has none: then the
    session was made where there is none, and the candidate tries again."""
    while True:
        began = time.monotonic()
        async with Client.create(greenroom.url, BODY) as client:
            asked_s = time.monotonic() - began
            try:
                await client.join(source, 5)
            except RefusedError:
                if asked_s < ROOM_PATIENCE_S:
                    raise
                continue
            yield client
            return


async def test_new_sessions_go_where_there_is_room(tmp_path: Path, shared_data: Path) -> None:
    """A place at each of two processes: two sessions get one, whichever is asked; no third."""
    places = {"GREENROOM_GATEWAYS": "2", "GREENROOM_MAX_SESSIONS": "1"}
    full = await asyncio.to_thread(start, tmp_path, places)
    try:
        source = await recording(shared_data / DEMO)
        async with with_a_place(full, source) as first, with_a_place(full, source) as second:
            for _ in range(8):  # a connection each, so that both processes are asked
                async with httpx.AsyncClient(base_url=full.url, timeout=10) as asking:
                    refused = await asking.post("/api/sessions", json={})
                    assert refused.status_code == 503
                    assert int(refused.headers["Retry-After"]) > 0
            await asyncio.gather(first.until_sent(), second.until_sent())
            for client in (first, second):
                await client.end()
                report, _, _ = await client.report()
                assert report["coverage"]
    finally:
        await asyncio.to_thread(stop, full)
