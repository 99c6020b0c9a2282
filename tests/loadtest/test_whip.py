"""What a client says of an endpoint."""

from http import HTTPStatus

import httpx
import pytest

from deploy.ports import free_port
from loadtest.recording import EncodedPacket, Recording
from loadtest.whip import ClientError, WhipConnection, checked


async def test_an_endpoint_that_does_not_answer_is_named_without_its_secrets() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with httpx.AsyncClient(base_url=url) as http:
        with pytest.raises(ClientError, match=f"^{url} does not answer: ConnectError"):
            await checked(http.post("/whip/secret"), HTTPStatus.CREATED)


SOUND = Recording("sound", 1.0, [], [EncodedPacket(bytes(20), 0.0, True)])


async def asked(to: str, headers: dict[str, str]) -> list[tuple[str, str, str]]:
    """(method, URL, token) of every request of a client that is sent on `to` there, and leaves."""
    requests: list[tuple[str, str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        token = request.headers.get("Authorization", "")
        requests.append((request.method, str(request.url), token))
        if request.url.path == "/whip":
            return httpx.Response(307, headers={"Location": to})
        return httpx.Response(201, text="no SDP", headers=headers)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        connection = WhipConnection(http, "http://here/whip", {"Authorization": "secret"})
        with pytest.raises(ClientError, match="its answer can't be used"):
            await connection.join(SOUND)
        await connection.leave()
    return requests


async def test_an_endpoint_that_sends_on_to_another_path() -> None:
    assert await asked("/there", {"Location": "r/1"}) == [
        ("POST", "http://here/whip", "secret"),
        ("POST", "http://here/there", "secret"),
        ("DELETE", "http://here/r/1", "secret"),
    ]


async def test_another_origin_does_not_get_the_token() -> None:
    assert await asked("http://other/there", {"Location": "r/1"}) == [
        ("POST", "http://here/whip", "secret"),
        ("POST", "http://other/there", ""),
        ("DELETE", "http://other/r/1", ""),
    ]


async def test_nothing_is_deleted_where_no_resource_was_named() -> None:
    assert [method for method, _, _ in await asked("/there", {})] == ["POST", "POST"]
