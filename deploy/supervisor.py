"""The whole system on one machine: starts every process, restarts what dies, stops all.

A process that dies is started again at once, so that its sessions go on within two
seconds; one that keeps dying is started ever more slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy import folder
from deploy.ports import listens, reachable
from services.runtime import scheduling

BIN = Path(sys.executable).parent
BUS = "nats"
"""The program's name."""

CONFIG = Path(__file__).with_name("nats.conf")

PR_SET_PDEATHSIG = 1
"""prctl(2): a child gets this signal when the supervisor dies, however it dies."""

STOP_GRACE_S = 8.0
"""From SIGTERM to SIGKILL: an analyzer hands its sessions over and flushes its signals."""

FIRST_RESTART_S = 0.05
MAX_RESTART_S = 10.0
STABLE_S = 10.0
"""A process that lived this long starts at once again when it dies."""

READY_TIMEOUT_S = 60.0
ANOTHER_DATA_DIR = "set GREENROOM_DATA_DIR to a folder that can"
POLL_S = 0.05


class StartError(RuntimeError):
    """The system can't start; the message says what to do."""


class SystemSettings(BaseSettings):
    """Where the pieces listen; read from GREENROOM_* as all settings are."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_", extra="ignore")

    http_host: str = Field("127.0.0.1", description="address of the page, the API and WHIP")
    http_port: int = Field(8080, ge=1, le=65535, description="their port")
    nats_port: int = Field(4222, ge=1, le=65535, description="port of the NATS server it starts")
    grpc_base_port: int = Field(
        50050, description="first of the gRPC ports: gateway, aggregator, then the workers"
    )
    metrics_base_port: int = Field(
        9400, description="first of the workers' Prometheus ports; the gateway serves its own"
    )
    data_dir: Path = Field(
        Path.home() / ".local" / "share" / "greenroom",
        description="database and JetStream store of `make run`",
    )
    workers: int = Field(1, ge=1, le=16, description="processes of each analyzer")
    gateways: int = Field(
        1, ge=1, le=16, description="gateway processes, which share the page's port"
    )


@dataclass
class Program:
    """One process to keep alive."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    """Something must listen here when it is up."""
    host: str = "127.0.0.1"
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    failure: str = ""
    """Why it could not be started when that was last tried; empty when it could."""


Output = Callable[[str, str], None]
"""Takes (program, line)."""


def print_line(program: str, line: str) -> None:
    print(f"{program:<12} {line}", flush=True)


class System:
    """Use ``async with System(settings)``: inside, everything is up."""

    def __init__(
        self,
        settings: SystemSettings,
        output: Output = print_line,
        lines_are: str = "above",
        *,
        stop: asyncio.Event | None = None,
    ) -> None:
        """lines_are: where `output` leaves the lines, for people. stop: once it is set nothing is
        waited for any more, and not everything may be up inside."""
        self.settings = settings
        self.programs: list[Program] = []
        self._output = output
        self._lines_are = lines_are
        self._stop = stop or asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def url(self) -> str:
        return f"http://{self.settings.http_host}:{self.settings.http_port}"

    @property
    def nats_url(self) -> str:
        return f"nats://127.0.0.1:{self.settings.nats_port}"

    async def __aenter__(self) -> System:
        try:
            await asyncio.to_thread(folder.make, self.settings.data_dir, ANOTHER_DATA_DIR)
        except folder.FolderError as error:
            raise StartError(str(error)) from error
        self.programs = self._plan()
        await asyncio.to_thread(self._check_ports)
        try:
            for program in self.programs:
                self._tasks.append(asyncio.create_task(self._keep(program), name=program.name))
            await self._until_up()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def program(self, name: str) -> Program:
        return next(program for program in self.programs if program.name == name)

    # --- what runs

    def metrics_ports(self) -> dict[str, int]:
        """By program, where its /metrics are; a gateway alone has them on the page's port."""
        asked = {p.name: p.environment.get("GREENROOM_METRICS_PORT") for p in self._plan()}
        return {name: int(port) for name, port in asked.items() if port and port != "0"}

    def _plan(self) -> list[Program]:
        settings = self.settings
        store = settings.data_dir / "jetstream"
        grpc = iter(range(settings.grpc_base_port, settings.grpc_base_port + 100))
        metrics = iter(range(settings.metrics_base_port, settings.metrics_base_port + 100))
        shared = {"GREENROOM_NATS_URL": self.nats_url}
        gateway_port, reports_port = next(grpc), next(grpc)
        gateway_ports = [gateway_port, *(next(grpc) for _ in range(settings.gateways - 1))]
        database = f"sqlite+aiosqlite:///{settings.data_dir / 'greenroom.db'}"
        programs = [
            Program(
                BUS,
                [
                    str(BIN / "nats-server"),
                    *("-c", str(CONFIG), "-a", "127.0.0.1"),
                    *("-p", str(settings.nats_port), "-sd", str(store)),
                ],
                port=settings.nats_port,
            ),
            Program(
                "aggregator",
                [sys.executable, "-m", "services.aggregator"],
                shared
                | {
                    "GREENROOM_GRPC_PORT": str(reports_port),
                    "GREENROOM_METRICS_PORT": str(next(metrics)),
                    "GREENROOM_WORKER_NAME": "aggregator",
                    "GREENROOM_DATABASE_URL": os.environ.get("GREENROOM_DATABASE_URL", database),
                },
                port=reports_port,
            ),
        ]
        for number, port in enumerate(gateway_ports):
            programs.append(
                Program(
                    "gateway" if settings.gateways == 1 else f"gateway-{number}",
                    [sys.executable, "-m", "gateway"],
                    shared
                    | {
                        "GREENROOM_HTTP_HOST": settings.http_host,
                        "GREENROOM_HTTP_PORT": str(settings.http_port),
                        "GREENROOM_SHARE_PORT": str(settings.gateways > 1),
                        "GREENROOM_GRPC_PORT": str(port),
                        # On a shared port nobody knows whose /metrics they get.
                        "GREENROOM_METRICS_PORT": str(
                            next(metrics) if settings.gateways > 1 else 0
                        ),
                        "GREENROOM_REPORTS_ADDRESS": f"127.0.0.1:{reports_port}",
                    },
                    # The first shows that the page's port is free; each has its gRPC port.
                    port=port if number else settings.http_port,
                    host="127.0.0.1" if number else reachable(settings.http_host),
                )
            )
        for kind in ("face", "gesture", "voice", "answers"):
            for number in range(settings.workers):
                name = kind if settings.workers == 1 else f"{kind}-{number}"
                port = next(grpc)
                programs.append(
                    Program(
                        name,
                        [sys.executable, "-m", f"services.{kind}"],
                        shared
                        | {
                            "GREENROOM_GRPC_PORT": str(port),
                            "GREENROOM_METRICS_PORT": str(next(metrics)),
                            "GREENROOM_WORKER_NAME": name,
                        },
                        port=port,
                    )
                )
        return programs

    def _check_ports(self) -> None:
        for program in self.programs:
            if listens(program.port):
                raise StartError(
                    f"port {program.port} for {program.name} is taken: is Greenroom running "
                    "already? Stop it, or set GREENROOM_HTTP_PORT, GREENROOM_NATS_PORT, "
                    "GREENROOM_GRPC_BASE_PORT and GREENROOM_METRICS_BASE_PORT to free ones"
                )

    # --- keeping it so

    async def _keep(self, program: Program) -> None:
        pause = FIRST_RESTART_S
        while not self._stopping:
            started = time.monotonic()
            try:
                end = f"ended ({await self._run(program)})"
            except (OSError, subprocess.SubprocessError) as error:
                end = program.failure = f"could not be started: {error}"
            if self._stopping:
                return
            lived = time.monotonic() - started
            pause = FIRST_RESTART_S if lived > STABLE_S else min(MAX_RESTART_S, pause * 2)
            self._output("supervisor", f"{program.name} {end}; starts again")
            await asyncio.sleep(pause)

    async def _run(self, program: Program) -> int:
        """Its exit code. Raises OSError or SubprocessError when it could not be started."""
        # By a task of its own: asyncio loses hold of a process whose start is cancelled half-way.
        starting = asyncio.create_task(self._start(program))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        await asyncio.shield(starting)
        assert program.process is not None
        assert program.process.stdout is not None
        async for line in _lines(program.process.stdout):
            self._output(program.name, line)
        return await program.process.wait()

    async def _start(self, program: Program) -> None:
        program.starts += 1
        program.process = await asyncio.create_subprocess_exec(
            *program.command,
            env={**os.environ, **program.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor, which stops in order
            preexec_fn=_begin_bus if program.name == BUS else _die_with_parent,
        )
        program.failure = ""

    async def _until_up(self) -> None:
        """Or until the stop. Raises StartError."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        for program in self.programs:
            while not await asyncio.to_thread(listens, program.port, program.host):
                if self._stop.is_set():
                    return
                for other in self.programs:
                    if other.failure:
                        raise StartError(f"{other.name} {other.failure}")
                if time.monotonic() > deadline:
                    raise StartError(
                        f"{program.name} did not come up: see its lines {self._lines_are}"
                    )
                await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """SIGTERM to all but NATS, which the others still need, then to NATS."""
        self._stopping = True
        if self._starting:
            await asyncio.wait(self._starting)
        nats = [program for program in self.programs if program.name == BUS]
        others = [program for program in self.programs if program.name != BUS]
        for group in (others, nats):
            await asyncio.gather(*(_terminate(program) for program in group))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _terminate(program: Program) -> None:
    process = program.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_GRACE_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of a stream; one that is longer than the buffer is cut, not fatal."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _begin_bus() -> None:
    """Every message of every other process waits for the bus."""
    _die_with_parent()
    scheduling.be_prompt()


async def run(settings: SystemSettings) -> None:
    """Until Ctrl-C or SIGTERM, also while it starts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with System(settings, stop=stop) as system:
        if not stop.is_set():
            print_line("supervisor", f"Greenroom is up: open {system.url}  (Ctrl-C stops it)")
        await stop.wait()
        print_line("supervisor", "stopping")
