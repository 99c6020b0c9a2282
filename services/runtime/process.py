"""What every process does around its work: settings, logs, bus, health, a graceful end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import nats.errors
import structlog
import uvloop

from services.runtime import scheduling, telemetry
from services.runtime.bus import Bus
from services.runtime.health import serve_grpc
from services.runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

Settings = TypeVar("Settings", bound=RuntimeSettings)

GIL_SWITCH_S = 0.0005
"""How long the analysis thread may go on in Python while the event loop has a message to
take. Python's default is 5 ms, two and a half times the bus's whole budget."""

LAG_PROBE_S = 0.5
CONNECT_RETRY_S = 0.2


def run(
    name: str,
    settings: Settings,
    serve: Callable[[Bus, Settings], Awaitable[None]],
    register: Callable[[grpc.aio.Server], None] | None = None,
) -> None:
    """Connect, report healthy, serve until SIGTERM or SIGINT, then let go in order."""
    telemetry.configure_logging(settings, name)
    telemetry.serve_metrics(settings)
    sys.setswitchinterval(GIL_SWITCH_S)
    scheduling.be_prompt()
    keep_what_is_loaded()
    uvloop.run(_main(name, settings, serve, register))


async def _main(
    name: str,
    settings: Settings,
    serve: Callable[[Bus, Settings], Awaitable[None]],
    register: Callable[[grpc.aio.Server], None] | None,
) -> None:
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, this.cancel)
    try:
        async with (
            serve_grpc(settings, register) as server,
            await connect(settings, name) as bus,
            asyncio.TaskGroup() as group,
        ):
            await server.set_serving(True)
            log.info("ready", grpc_port=server.port)
            probe = group.create_task(watch_loop_lag())
            await serve(bus, settings)
            probe.cancel()
    except asyncio.CancelledError:
        log.info("stopped")


async def connect(settings: RuntimeSettings, name: str) -> Bus:
    """The bus, as soon as its server is there: processes may start in any order."""
    waited = False
    while True:
        try:
            return await Bus.connect(settings, name)
        except (nats.errors.Error, OSError) as error:
            if not waited:
                servers = len(settings.nats_servers)
                log.info("waiting for NATS", servers=servers, error=repr(error))
                waited = True
            await asyncio.sleep(CONNECT_RETRY_S)


def keep_what_is_loaded() -> None:
    """From here on the garbage collector leaves alone what start-up has made, which is nearly all
    that there is: it then looks sooner, and for a shorter time, at what sessions leave behind.

    Otherwise a full collection waits until a quarter as much as everything has come up, which
    takes an hour of sessions (gc.freeze).
    """
    gc.collect()
    gc.freeze()


async def watch_loop_lag(tell: Callable[[float], None] | None = None) -> None:
    """Measures how late the loop wakes up: a blocked loop shows in the metrics, and in `tell`."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_PROBE_S
        await asyncio.sleep(LAG_PROBE_S)
        lag_s = max(0.0, loop.time() - due)
        telemetry.LOOP_LAG.observe(lag_s)
        if tell:
            tell(lag_s)
