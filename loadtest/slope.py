"""Whether something grows: a least-squares slope with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE_Z = 1.96
"""95%, normal."""


@dataclass(frozen=True)
class Slope:
    """Units an hour, with its 95% interval."""

    per_hour: float
    low: float
    high: float

    @property
    def flat(self) -> bool:
        """Not different from zero."""
        return self.low <= 0 <= self.high


def slope(times_s: npt.ArrayLike, values: npt.ArrayLike) -> Slope | None:
    """None for fewer than four points.

    Neighbouring points of a process depend on one another, so that a plain interval would be
    far too narrow: the residuals' first-order autocorrelation widens it (Santer et al. 2000,
    effective sample size).
    """
    x, y = np.asarray(times_s, np.float64) / 3600, np.asarray(values, np.float64)
    count = len(x)
    if count < 4:
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
    memory = max(0.0, float((residuals[1:] * residuals[:-1]).sum()) / square)
    effective = max(3.0, count * (1 - memory) / (1 + memory))
    error = math.sqrt(square / (effective - 2) / spread)
    return Slope(gradient, gradient - CONFIDENCE_Z * error, gradient + CONFIDENCE_Z * error)
