"""One session against an endpoint by program: what is left of it when it goes wrong."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import httpx
import pytest

from loadtest.client import Client
from loadtest.recording import EncodedPacket, Recording
from loadtest.result import MISSING
from loadtest.session import LoadSession, Target
from loadtest.stages import Stages
from loadtest.whip import Network, WhipConnection

CREATED = {
    "session_id": "s1",
    "token": "secret",
    "whip_url": "/whip/s1",
    "events_url": "/events",
    "questions": [{"id": "q1"}],
}
SOUND = Recording("sound", 1.0, [], [EncodedPacket(bytes(20), 0.0, True)])
Whip = Callable[[], Awaitable[httpx.Response]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Whip], list[str]]:
    """Puts a Greenroom in the place of the network, whose WHIP answers so. Paths it was asked."""

    def serve(whip: Whip) -> list[str]:
        paths: list[str] = []

        async def answer(request: httpx.Request) -> httpx.Response:
            paths.append(request.url.path)
            match request.url.path:
                case "/api/sessions":
                    return httpx.Response(201, json=CREATED)
                case "/whip/s1":
                    return await whip()
                case "/api/sessions/s1/end":
                    return httpx.Response(204)
                case _:
                    return httpx.Response(404)

        made = functools.partial(httpx.AsyncClient, transport=httpx.MockTransport(answer))
        monkeypatch.setattr("httpx.AsyncClient", made)
        return paths

    return serve


async def refuse() -> httpx.Response:
    return httpx.Response(503, text="full")


def session() -> LoadSession:
    return LoadSession(Target(url="http://greenroom"), SOUND, Network(), Stages())


async def test_a_session_that_is_refused_is_ended(asked: Callable[[Whip], list[str]]) -> None:
    """Else it keeps its place, and the analyzers keep it, for many minutes."""

    paths = asked(refuse)
    one = session()
    await one.run(lambda: False, 1)
    assert one.result.outcome == "refused"
    assert one.result.session_id == "s1"
    assert paths.count("/api/sessions/s1/end") == 1


async def test_a_session_that_is_broken_off_is_ended(asked: Callable[[Whip], list[str]]) -> None:
    joining = asyncio.Event()

    async def never() -> httpx.Response:
        joining.set()
        await asyncio.Event().wait()
        raise AssertionError

    paths = asked(never)
    running = asyncio.create_task(session().run(lambda: False, 1))
    await joining.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert paths.count("/api/sessions/s1/end") == 1


async def test_a_greenroom_that_is_gone_does_not_hold_up_the_end(
    asked: Callable[[Whip], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.client.END_TIMEOUT_S", 0.1)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    async def gone() -> httpx.Response:
        monkeypatch.setattr("loadtest.client.Client.post", hang)
        raise httpx.ConnectError("gone", request=httpx.Request("POST", "http://greenroom/whip/s1"))

    asked(gone)
    one = session()
    async with asyncio.timeout(5):
        await one.run(lambda: False, 1)
    assert "does not answer" in one.result.error


async def test_a_report_that_never_comes_is_missing(
    asked: Callable[[Whip], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked for: among the reports it is one that is not complete."""

    async def joined(client: Client, *_: object) -> None:
        client.connection = WhipConnection(client._http, "", {})

    async def sent(*_: object) -> None: ...

    monkeypatch.setattr("loadtest.client.REPORT_TIMEOUT_S", 0.0)
    monkeypatch.setattr(Client, "join", joined)
    monkeypatch.setattr(LoadSession, "_send", sent)
    asked(refuse)
    one = session()
    await one.run(lambda: False, 1)
    assert "no report after" in one.result.error
    assert one.result.report == MISSING
