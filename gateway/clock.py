"""The gateway's time: the machine's wall clock, but never backwards.

Media and what is said of a session are dated by it, so that a clock that is set back neither
stops a session nor turns it round. The workers' own clock is then behind: to them media comes
from the future and is never too old, which their rings bound.
"""

from __future__ import annotations

import time

SLEW = 100
"""Set back, the clock is waited for by going slower by this part, which no measure of speech or
movement notices: 2 s take some three minutes. Were it not waited for, a gateway that starts anew
would go back in its sessions however long ago the clock was set."""


class SteadyClock:
    """Follows a wall clock forward at once and backward slowly."""

    def __init__(self) -> None:
        self._last = (0, 0)
        """(what was told, monotonic time then): one value, since threads share this."""

    def at(self, wall_us: int, monotonic_us: int) -> int:
        told_us, then_us = self._last
        least_us = told_us + (monotonic_us - then_us) * (SLEW - 1) // SLEW
        now_us = max(wall_us, least_us)
        self._last = now_us, monotonic_us
        return now_us


_clock = SteadyClock()


def now_us() -> int:
    """Unix microseconds."""
    # In this order: a thread that stands still in between finds itself late, never early.
    wall_us = time.time_ns() // 1_000
    return _clock.at(wall_us, time.monotonic_ns() // 1_000)
