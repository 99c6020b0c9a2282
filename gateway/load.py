"""How short of time this gateway is, as measured: the ground for refusing new sessions."""

from __future__ import annotations

import math
import time

MEMORY_S = 3.0
"""Measurements fade with this time constant: one slow moment refuses nobody."""

MOST_S = 0.5
"""A measurement stands for the time since the one before it, but for no more than this."""


class Fading:
    """A mean of measurements that fades towards 0 when none come."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._at = 0.0

    def add(self, value: float, now: float) -> None:
        """now: seconds of a monotonic clock."""
        weight = 1 - math.exp(-min(MOST_S, max(0.0, now - self._at)) / MEMORY_S)
        self._mean, self._at = self.value(now) + value * weight, now

    def value(self, now: float) -> float:
        return self._mean * math.exp(min(0.0, self._at - now) / MEMORY_S)


class Load:
    """Event-loop lag and decoder wait of this process.

    busy_s: of either, on average. Packets and frames then come that late, samplers are at
    their floor, and the budget from capture to publish is long spent.
    """

    def __init__(self, busy_s: float) -> None:
        self._busy_s = busy_s
        self._lag = Fading()
        self._wait = Fading()

    def lagged(self, seconds: float) -> None:
        self._lag.add(seconds, time.monotonic())

    def waited(self, microseconds: int) -> None:
        self._wait.add(microseconds / 1e6, time.monotonic())

    @property
    def busy(self) -> bool:
        """A further session would come at the expense of those that are here."""
        now = time.monotonic()
        return max(self._lag.value(now), self._wait.value(now)) > self._busy_s
