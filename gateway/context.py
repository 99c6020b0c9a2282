"""What the routes work with, made once at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import httpx
from fastapi import Header, Request

from gateway.registry import Registry
from gateway.sessions import Sessions
from gateway.settings import GatewaySettings
from services.runtime.bus import Bus

if TYPE_CHECKING:
    # At run time one class serves both kinds of channel.
    from greenroom.v1.report_pb2_grpc import ReportServiceAsyncStub as Reports


Authorization = Annotated[str | None, Header()]
"""With a session's or a candidate's token (RFC 6750)."""


@dataclass(frozen=True)
class Context:
    settings: GatewaySettings
    bus: Bus
    registry: Registry
    sessions: Sessions
    reports: Reports
    gateways: httpx.AsyncClient
    """For what other gateways' sessions are asked for here."""


def context_of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context
