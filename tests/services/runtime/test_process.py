"""Health is served, first as not serving; a process waits for its NATS."""

import asyncio
import contextlib

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.ports import free_port
from services.runtime import process
from services.runtime.health import serve_grpc
from services.runtime.settings import RuntimeSettings

STATUS = health_pb2.HealthCheckResponse


async def test_health_tells_when_it_serves() -> None:
    async with (
        serve_grpc(RuntimeSettings()) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        before = await health.Check(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]
        await server.set_serving(True)
        after = await health.Check(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]
        assert (before.status, after.status) == (STATUS.NOT_SERVING, STATUS.SERVING)


async def test_a_process_waits_for_nats() -> None:
    settings = RuntimeSettings(nats_url=f"nats://127.0.0.1:{free_port()}")
    waiting = asyncio.create_task(process.connect(settings, "test"))
    done, _ = await asyncio.wait([waiting], timeout=0.7)
    if done:
        pytest.fail(f"did not wait: {waiting.result()}")
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
