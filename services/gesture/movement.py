"""How hands move: speed, strokes, and fidgeting, which is small and repeats itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from services.runtime.media import MICROSECONDS, Floats
from services.runtime.vision import OneEuro

CUTOFF_HZ, SPEED = 2.0, 0.02
"""One Euro on palm positions in px: a resting hand's points tremble by a pixel or two."""

STROKE_ON, STROKE_OFF = 2.0, 0.8
"""Palm lengths a second: a gesture's stroke begins and ends."""

STROKE_MIN_US, STROKE_MAX_US = 100_000, 2_000_000

FIDGET_WINDOW_US = 4 * MICROSECONDS
GRID_HZ = 30.0
"""Positions are laid on this grid: the frames come at an uneven 5-10 a second, and a rate is
read from whole steps of it."""

FIDGET_MIN_HZ, FIDGET_MAX_HZ = 0.8, 4.5
"""Movement is found up to here; its rate is right up to 2.5 Hz. Of the camera's 15 frames a second
the analyzer takes two of three, and at such distances a faster one is read as its half or third;
at even distances, ten a second, the rate is right up to 3.5 Hz."""

FIDGET_MIN_REACH, FIDGET_MAX_REACH = 0.08, 0.9
"""Palm lengths, peak to peak: over the points' noise, under a gesture that means something."""

FIDGET_REPEATS = 0.6
"""Autocorrelation at the movement's period: it repeats itself."""

FIRST_PEAK = 0.85
"""Twice the period repeats as well as the period: the shortest lag within this share of the best
is taken."""


@dataclass(frozen=True, slots=True)
class Stroke:
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Fidget:
    start_us: int
    end_us: int
    rate_hz: float
    strength: float


class HandMovement:
    """One hand's path."""

    def __init__(self) -> None:
        self._smooth = OneEuro(CUTOFF_HZ, SPEED)
        self._path: deque[tuple[int, float, float, float]] = deque()
        self._stroke_us: int | None = None
        self._checked_us = 0
        self.speed = 0.0
        """Palm lengths a second, of the last step."""

    def add(self, palm: Floats, size: float, time_us: int) -> tuple[Stroke | None, Fidget | None]:
        """palm: [2] px; size: px. A stroke or a stretch of fidgeting that ends here."""
        place = self._smooth(palm, time_us / MICROSECONDS)
        if self._path:
            last_us, x, y, _ = self._path[-1]
            step_s = max(time_us - last_us, 1) / MICROSECONDS
            self.speed = float(np.hypot(place[0] - x, place[1] - y)) / max(size, 1e-6) / step_s
        self._path.append((time_us, float(place[0]), float(place[1]), size))
        while time_us - self._path[0][0] > FIDGET_WINDOW_US:
            self._path.popleft()
        return self._stroke(time_us), self._fidget(time_us)

    def _stroke(self, time_us: int) -> Stroke | None:
        if self._stroke_us is None:
            if self.speed > STROKE_ON:
                self._stroke_us = time_us
            return None
        if self.speed > STROKE_OFF:
            return None
        start, self._stroke_us = self._stroke_us, None
        return Stroke(start, time_us) if STROKE_MIN_US <= time_us - start <= STROKE_MAX_US else None

    def _fidget(self, time_us: int) -> Fidget | None:
        """Once a second at most, over a full window."""
        start_us = self._path[0][0]
        whole = time_us - start_us > 0.9 * FIDGET_WINDOW_US
        if not whole or time_us - self._checked_us < MICROSECONDS:
            return None
        self._checked_us = time_us
        path = np.array(self._path)
        own_size = max(float(np.median(path[:, 3])), 1e-6)
        found = repetition(path[:, 0] / MICROSECONDS, path[:, 1:3] / own_size)
        if found is None:
            return None
        rate_hz, strength = found
        return Fidget(time_us - MICROSECONDS, time_us, rate_hz, strength)


def repetition(times_s: Floats, places: Floats) -> tuple[float, float] | None:
    """(rate in Hz, autocorrelation) of small repeated movement; None when there is none.

    times_s: [n]; places: [n, 2] in palm lengths.
    """
    grid = np.arange(times_s[0], times_s[-1], 1 / GRID_HZ)
    if len(grid) < 2 * GRID_HZ:
        return None
    path = np.stack([np.interp(grid, times_s, places[:, axis]) for axis in (0, 1)], axis=1)
    # A slow drift is no repetition: take the straight line away.
    line = np.polyfit(np.arange(len(grid)), path, 1)
    path = path - (np.arange(len(grid))[:, None] * line[0] + line[1])
    _, _, axes = np.linalg.svd(path, full_matrices=False)
    along = path @ axes[0]
    reach = float(np.percentile(along, 95) - np.percentile(along, 5))
    if not FIDGET_MIN_REACH <= reach <= FIDGET_MAX_REACH:
        return None
    full = np.correlate(along, along, "full")[len(along) - 1 :]
    counts = np.arange(len(along), 0, -1)
    correlation = full / counts / max(full[0] / counts[0], 1e-9)
    shortest = int(GRID_HZ / FIDGET_MAX_HZ)
    longest = int(GRID_HZ / FIDGET_MIN_HZ)
    lags = np.arange(max(shortest, 2), min(longest, len(correlation) - 2) + 1)
    peaks = [
        lag
        for lag in lags
        if correlation[lag] >= correlation[lag - 1] and correlation[lag] >= correlation[lag + 1]
    ]
    if not peaks:
        return None
    best = max(correlation[lag] for lag in peaks)
    if best < FIDGET_REPEATS:
        return None
    period = next(lag for lag in peaks if correlation[lag] >= FIRST_PEAK * best)
    return GRID_HZ / period, float(min(correlation[period], 1.0))
