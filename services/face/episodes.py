"""Episodes: when a value rose, how high, and when it fell again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from services.runtime.media import MICROSECONDS


@dataclass(frozen=True, slots=True)
class Episode:
    start_us: int
    end_us: int
    peak: float


class Hysteresis:
    """Between rising over `on` and falling under `off`, if it lasts within the bounds."""

    def __init__(self, on: float, off: float, min_us: int, max_us: int | None = None) -> None:
        self._on, self._off = on, off
        self._min_us, self._max_us = min_us, max_us
        self._start_us: int | None = None
        self._peak = 0.0
        self._last_us = 0

    def add(self, value: float, time_us: int) -> Episode | None:
        """The episode that ends with this frame."""
        self._last_us = time_us
        if self._start_us is None:
            if value >= self._on:
                self._start_us, self._peak = time_us, value
            return None
        self._peak = max(self._peak, value)
        return self.close() if value < self._off else None

    def close(self) -> Episode | None:
        """End what is open: at the end of the session, or when the face is lost."""
        start, self._start_us = self._start_us, None
        if start is None:
            return None
        length = self._last_us - start
        if length < self._min_us or (self._max_us is not None and length > self._max_us):
            return None
        return Episode(start, self._last_us, self._peak)


NOD_WINDOW_US = 1_200_000
"""A nod is two to four movements a second (Hadar et al. 1983); two turns fit in this."""

NOD_DEG = 5.0
"""Turns smaller than this are breathing and speech."""

NOD_REST_US = MICROSECONDS


class TurnCounter:
    """Nods (of pitch) and shakes (of yaw): back and forth at least twice within a second."""

    def __init__(self) -> None:
        self._extremes: deque[tuple[int, float]] = deque()
        self._direction = 0
        self._reach: tuple[int, float] | None = None
        self._quiet_until_us = 0

    def add(self, degrees: float, time_us: int) -> Episode | None:
        """The nod or shake that is complete with this frame."""
        if self._reach is None:
            self._reach = (time_us, degrees)
            return None
        reached_us, reached = self._reach
        moved = degrees - reached
        if self._direction * moved > 0 or (self._direction == 0 and abs(moved) >= NOD_DEG):
            self._direction = 1 if moved > 0 else -1
            self._reach = (time_us, degrees)
        elif self._direction and abs(moved) >= NOD_DEG:
            self._extremes.append((reached_us, reached))
            self._direction = -self._direction
            self._reach = (time_us, degrees)
        while self._extremes and time_us - self._extremes[0][0] > NOD_WINDOW_US:
            self._extremes.popleft()
        if time_us < self._quiet_until_us:
            self._extremes.clear()  # of the nod that was told, which goes on
        if len(self._extremes) < 2:
            return None
        values = [value for _, value in self._extremes]
        episode = Episode(self._extremes[0][0], time_us, max(values) - min(values))
        self._extremes.clear()
        self._quiet_until_us = time_us + NOD_REST_US
        return episode
