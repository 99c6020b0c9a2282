"""Whether something grows: a least-squares slope with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95

LEAST_POINTS = 5
"""With four the correction of their memory divides by nothing."""

ANGLES = 10_001
"""Steps of Student's distribution: its quantiles are right to four digits, also for one degree
of freedom and fifty intervals together."""


@dataclass(frozen=True)
class Slope:
    """Units an hour, with its interval."""

    per_hour: float
    low: float
    high: float

    @property
    def flat(self) -> bool:
        """Not different from zero."""
        return self.low <= 0 <= self.high


def slope(times_s: npt.ArrayLike, values: npt.ArrayLike, together: int = 1) -> Slope | None:
    """None for fewer than LEAST_POINTS.

    together: how many slopes are looked at. Their intervals hold for all of them with 95%
    (Bonferroni); of thirty at 95% each one or two would seem to grow by chance.

    Neighbouring points of a process depend on one another, so that a plain interval would be
    far too narrow: the residuals' first-order autocorrelation widens it (Santer et al. 2000,
    effective sample size). That sees only what neighbours tell: of points far closer together
    than what moves them, give means.
    """
    x, y = np.asarray(times_s, np.float64) / 3600, np.asarray(values, np.float64)
    count = len(x)
    if count < LEAST_POINTS:
        return None
    centred = x - x.mean()
    spread = float((centred**2).sum())
    if spread == 0:
        return None
    gradient = float((centred * y).sum() / spread)
    residuals = y - y.mean() - gradient * centred
    square = float((residuals**2).sum())
    if square == 0:
        return Slope(gradient, gradient, gradient)
    seen = float((residuals[1:] * residuals[:-1]).sum()) / square
    # Around a fitted line it comes out too small by (2 + 4 memory) / count (Kendall 1954).
    memory = max(0.0, (count * seen + 2) / (count - 4))
    effective = max(3.0, count * (1 - memory) / (1 + memory))
    error = math.sqrt(square / (effective - 2) / spread)
    half = student(1 - (1 - CONFIDENCE) / 2 / together, effective - 2) * error
    return Slope(gradient, gradient - half, gradient + half)


def student(share: float, degrees: float) -> float:
    """The quantile of Student's t for a share above one half.

    With t = sqrt(degrees) tan(angle) its density is cos(angle) ** (degrees - 1).
    """
    angles = np.linspace(0, math.pi / 2, ANGLES)
    density = np.cos(angles) ** (degrees - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angle = np.interp(2 * share - 1, below / below[-1], angles)
    return math.sqrt(degrees) * math.tan(float(angle))
