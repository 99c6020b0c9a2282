"""Samples over time and their percentiles."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

PERCENTILES = (50, 95, 99)


class Summary(BaseModel):
    """Percentiles of a distribution, in its own unit."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


@dataclass
class Samples:
    """(time, value) pairs; 16 bytes each."""

    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, time_s: float, value: float) -> None:
        self.times.append(time_s)
        self.values.append(value)

    def between(self, start_s: float, end_s: float) -> npt.NDArray[np.float64]:
        times = np.asarray(self.times)
        return np.asarray(self.values)[(times >= start_s) & (times <= end_s)]


def summarize(values: npt.ArrayLike) -> Summary | None:
    """None for no values."""
    array_ = np.asarray(values, np.float64)
    if array_.size == 0:
        return None
    p50, p95, p99 = (round(float(p), 3) for p in np.percentile(array_, PERCENTILES))
    return Summary(count=array_.size, p50=p50, p95=p95, p99=p99, max=round(float(array_.max()), 3))
