"""Whether something grows: a least-squares slope with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


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
    """None for fewer than four points.

    together: how many slopes are looked at. Their intervals hold for all of them with 95%
    (Bonferroni); of thirty at 95% each one or two would seem to grow by chance.

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
    half = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / together) * error
    return Slope(gradient, gradient - half, gradient + half)
