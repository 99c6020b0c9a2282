"""SessionService over gRPC, for platform teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from greenroom.v1.session_pb2 import (
    EndSessionRequest,
    EndSessionResponse,
    GetSessionRequest,
    ListSessionsRequest,
    ListSessionsResponse,
    SessionInfo,
)
from greenroom.v1.session_pb2_grpc import SessionServiceServicer

from gateway.errors import ApiError
from gateway.registry import Registry
from gateway.sessions import Sessions

if TYPE_CHECKING:
    # Generic in the stubs alone.
    Call: TypeAlias = grpc.aio.ServicerContext[Any, Any]


def _public(info: SessionInfo) -> SessionInfo:
    """Without the token's hash."""
    public = SessionInfo()
    public.CopyFrom(info)
    public.ClearField("token_sha256")
    return public


class SessionRpc(SessionServiceServicer):
    """Lists, shows and ends sessions, whichever gateway they are at."""

    def __init__(self, registry: Registry, sessions: Sessions) -> None:
        self._registry = registry
        self._sessions = sessions

    async def ListSessions(  # noqa: N802 - the service's name
        self,
        request: ListSessionsRequest,
        context: Call,
    ) -> ListSessionsResponse:
        infos = await self._registry.all()
        return ListSessionsResponse(sessions=[_public(info) for info in infos])

    async def GetSession(  # noqa: N802
        self,
        request: GetSessionRequest,
        context: Call,
    ) -> SessionInfo:
        return _public(await self._find(request.session_id, context))

    async def EndSession(  # noqa: N802
        self,
        request: EndSessionRequest,
        context: Call,
    ) -> EndSessionResponse:
        info = await self._find(request.session_id, context)
        if not info.ended:
            await self._sessions.end(request.session_id, request.reason or "operator")
        return EndSessionResponse()

    async def _find(self, session_id: str, context: Call) -> SessionInfo:
        try:
            return await self._registry.find(session_id)
        except ApiError as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, error.error)
            raise AssertionError("abort raises") from error
