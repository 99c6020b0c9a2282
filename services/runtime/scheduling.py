"""How soon a thread that wakes up gets a core: Linux deals out turns, and short ones come sooner.

Under EEVDF (Linux 6.12 and newer) a thread that wakes may take the core from one with longer
turns; otherwise it waits until that one's turn is over, which is most of the bus's budget where
analyzers fill all cores. No privilege is needed (sched_setattr(2), `sched_runtime` of a
SCHED_OTHER thread). Older kernels take the request and do nothing; other systems are not asked.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The system call's number; the C library has no function for it."""

ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period."""

PROMPT_NS = 200_000
"""Most that an event loop does in one go is shorter."""

DEFAULT_NS = 0
"""The kernel's own: 1.4 ms on two cores, more on larger machines."""


def be_prompt() -> None:
    """For the calling thread, an event loop's: it soon has a core, for little at a time. Threads
    that it starts are like it."""
    _set_turns(PROMPT_NS)


def be_patient() -> None:
    """For the calling thread, which works long in one go: as if nothing had been set."""
    _set_turns(DEFAULT_NS)


def _set_turns(nanoseconds: int) -> None:
    number = SCHED_SETATTR.get(platform.machine()) if hasattr(os, "sched_getscheduler") else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:  # whoever set that knows why
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = (ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, nanoseconds, 0, 0)
    # A refusal changes nothing but the latency, so it is not looked at.
    ctypes.CDLL(None).syscall(number, 0, ATTRIBUTES.pack(*wanted), 0)
