"""The load generator watches itself: a late sender measures itself, not the system."""

from __future__ import annotations

import asyncio
import time

import psutil

from loadtest.figures import Samples, Summary, summarize
from services.runtime import tasks

PROBE_S = 0.05
LAG_LIMIT_MS = 30.0
"""p99 of how late the loop wakes up. A frame is due each 33 ms: past this the pacing is
no camera's any more."""

LATE_LIMIT_MS = 200.0
"""The most that any packet may leave late; past it the receiver's ages are ours."""

OWN_CORES_LIMIT = 0.85
"""Of the one core that an event loop can use."""

MACHINE_LIMIT = 97.0
"""Per cent busy over all cores: everything on this machine waits for everything else."""


class SelfWatch:
    """Loop lag, own CPU, the machine's CPU. Use ``async with``."""

    def __init__(self) -> None:
        self.lag = Samples()
        self.recent_ms = 0.0
        """The worst lag since it was last asked for by `take_recent`."""
        self._machine = Samples()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> SelfWatch:
        self._task = asyncio.create_task(self._probe())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            await tasks.end([self._task])

    async def _probe(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(psutil.cpu_percent)
        looked = loop.time()
        while True:
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            now = loop.time()
            lag_ms = max(0.0, now - due) * 1000
            self.lag.add(now, lag_ms)
            self.recent_ms = max(self.recent_ms, lag_ms)
            if now - looked > 1.0:
                self._machine.add(now, await asyncio.to_thread(psutil.cpu_percent))
                looked = now

    def take_recent(self) -> float:
        recent, self.recent_ms = self.recent_ms, 0.0
        return recent

    def cpu_s(self) -> float:
        """Of this process so far."""
        return time.process_time()

    def summary(self, start_s: float, end_s: float) -> Summary | None:
        return summarize(self.lag.between(start_s, end_s))

    def distrust(self, start_s: float, end_s: float, own_cores: float, late_ms: float) -> list[str]:
        """Why the figures of this stretch can't be trusted; empty when they can."""
        reasons = []
        lag = self.summary(start_s, end_s)
        if lag and lag.p99 > LAG_LIMIT_MS:
            reasons.append(
                f"the load generator's loop woke up {lag.p99:.0f} ms late (p99; "
                f"{LAG_LIMIT_MS:.0f} ms at most): run it on a machine of its own"
            )
        if own_cores > OWN_CORES_LIMIT:
            reasons.append(
                f"the load generator used {own_cores:.2f} of its one core: "
                "split the sessions over several"
            )
        if late_ms > LATE_LIMIT_MS:
            reasons.append(f"a packet left {late_ms:.0f} ms late")
        machine = self._machine.between(start_s, end_s)
        if machine.size and machine.mean() > MACHINE_LIMIT:
            reasons.append(f"this machine was {machine.mean():.0f}% busy")
        return reasons
