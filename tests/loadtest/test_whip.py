"""What a client says of an endpoint."""

from http import HTTPStatus

import httpx
import pytest

from deploy.ports import free_port
from loadtest.whip import ClientError, checked


async def test_an_endpoint_that_does_not_answer_is_named_without_its_secrets() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with httpx.AsyncClient(base_url=url) as http:
        with pytest.raises(ClientError, match=f"^{url} does not answer: ConnectError"):
            await checked(http.post("/whip/secret"), HTTPStatus.CREATED)
