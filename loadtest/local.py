"""A whole Greenroom on this machine, on free ports, and what its processes cost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy import folder
from deploy.demo import SHARED_RECORDING
from deploy.ports import free_port
from deploy.supervisor import BUS, Output, Program, System, SystemSettings
from deploy.temporary import temporary_system
from loadtest.compose import composed
from loadtest.recording import Recording, default_cache, load

GRPC_BASE, METRICS_BASE = 21_000, 22_000
"""Below the ephemeral range, away from the defaults: a running Greenroom is not disturbed."""

MIB = 2**20


def demo_recording(*, layered: bool = False, burn: bool = False) -> Recording:
    """The real one where it is at hand, else the composed one."""
    path = SHARED_RECORDING if SHARED_RECORDING.is_file() else composed(default_cache())
    return load(path, layered=layered, burn=burn)


class Edge(System):
    """The gateway and the bus alone: what the gateway costs does not depend on who listens."""

    def _plan(self) -> list[Program]:
        return [program for program in super()._plan() if program.name in (BUS, "gateway")]


@contextlib.asynccontextmanager
async def local_system(
    out: Path, kind: Callable[[SystemSettings, Output, str], System] = System
) -> AsyncIterator[System]:
    """On ports of its own. Raises FolderError, StartError."""
    await asyncio.to_thread(folder.make, out)
    settings = SystemSettings(
        http_port=free_port(),
        nats_port=free_port(),
        grpc_base_port=GRPC_BASE,
        metrics_base_port=METRICS_BASE,
    )
    async with temporary_system(settings, out, kind) as system:
        yield system


@dataclass(frozen=True)
class Usage:
    """Of a process: CPU seconds so far, and what it holds now."""

    cpu_s: float
    memory_mib: float
    own_mib: float
    """Of it what belongs to no file: only this can leak. The kernel drops pages of files that
    nobody has touched for a while, and reads them again."""
    threads: int
    files: int
    sockets: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        process = psutil.Process(pid)
        times, memory = process.cpu_times(), process.memory_info()
        return cls(
            times.user + times.system,
            memory.rss / MIB,
            (memory.rss - memory.shared) / MIB,
            process.num_threads(),
            process.num_fds(),
            len(process.net_connections()),
        )


def usage(system: System) -> dict[str, Usage]:
    """By program, of those that run."""
    return {
        program.name: Usage.of(program.process.pid)
        for program in system.programs
        if program.process is not None and program.process.returncode is None
    }


class Meter:
    """Cores that processes used since the meter was made."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = usage(system)
        self._since = time.monotonic()

    def cores(self) -> dict[str, float]:
        seconds = time.monotonic() - self._since
        return {
            name: (now.cpu_s - self._before[name].cpu_s) / seconds
            for name, now in usage(self._system).items()
            if name in self._before
        }
