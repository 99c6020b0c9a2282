"""SessionService over gRPC."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc
import pytest
from greenroom.v1.session_pb2 import EndSessionRequest, GetSessionRequest, ListSessionsRequest
from greenroom.v1.session_pb2_grpc import SessionServiceStub

from deploy.ports import free_port
from tests.gateway.conftest import Gateway, RunGateway

if TYPE_CHECKING:
    from greenroom.v1.session_pb2_grpc import SessionServiceAsyncStub as Service


@pytest.fixture
async def served(run_gateway: RunGateway) -> "AsyncIterator[tuple[Gateway, Service]]":
    port = free_port()
    async with (
        run_gateway(grpc_port=port) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield gateway, SessionServiceStub(channel)


async def test_list_show_end(served: "tuple[Gateway, Service]") -> None:
    gateway, service = served
    session = await gateway.create()
    listed = (await service.ListSessions(ListSessionsRequest())).sessions
    assert session.id in {info.session_id for info in listed}
    assert not any(info.token_sha256 for info in listed)
    shown = await service.GetSession(GetSessionRequest(session_id=session.id))
    assert shown.session_id == session.id
    assert not shown.token_sha256
    assert not shown.ended
    for _ in range(2):
        await service.EndSession(EndSessionRequest(session_id=session.id))
    assert (await service.GetSession(GetSessionRequest(session_id=session.id))).ended
    assert (await session.post("pause")).status_code == 410


@pytest.mark.parametrize("session_id", ["", "0" * 24, "*"])
async def test_no_such_session(served: "tuple[Gateway, Service]", session_id: str) -> None:
    _, service = served
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await service.GetSession(GetSessionRequest(session_id=session_id))
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await service.EndSession(EndSessionRequest(session_id=session_id))
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
