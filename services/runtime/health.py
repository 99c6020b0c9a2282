"""The gRPC side of a process: the standard health service, which Kubernetes probes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from services.runtime.settings import RuntimeSettings

STOP_GRACE_S = 2.0
"""Calls under way may finish within this."""


@dataclass(frozen=True)
class GrpcServer:
    port: int
    health: health_aio.HealthServicer

    async def set_serving(self, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        await self.health.set("", status.SERVING if serving else status.NOT_SERVING)


@contextlib.asynccontextmanager
async def serve_grpc(
    settings: RuntimeSettings, register: Callable[[grpc.aio.Server], None] | None = None
) -> AsyncIterator[GrpcServer]:
    """Health, and what `register` adds; NOT_SERVING until told otherwise.

    Raises RuntimeError when the port is taken.
    """
    server = grpc.aio.server()
    servicer = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if register:
        register(server)
    port = server.add_insecure_port(f"{settings.bind}:{settings.grpc_port}")
    await server.start()
    grpc_server = GrpcServer(port, servicer)
    await grpc_server.set_serving(False)
    try:
        yield grpc_server
    finally:
        await servicer.enter_graceful_shutdown()
        await server.stop(STOP_GRACE_S)
