"""What an evaluation says: one row of the accuracy table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

BOOTSTRAP_ROUNDS = 1000
CONFIDENCE = 0.95
SEED = 20_260


class Comparison(BaseModel):
    """A baseline's or a peer's figure on the same files."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: float


class Row(BaseModel):
    """One measured figure, or the word on why it could not be measured."""

    model_config = ConfigDict(frozen=True)

    area: str
    """face, gesture, voice, answers or fusion."""
    metric: str
    """With its unit, as people say it: "word error rate"."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """95% interval, bootstrapped over persons, recordings or questions."""
    unit: str = ""
    n: int = 0
    """How many independent items the figure rests on."""
    slice: str = "all"
    """Which part of the data: "glasses", "dim", "unseen questions"."""
    better: str = "higher"
    """higher or lower."""
    target: float | None = None
    baseline: Comparison | None = None
    peer: Comparison | None = None
    note: str = ""
    """What a reader must know; for a row without a value: what is missing."""

    @property
    def meets_target(self) -> bool | None:
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


def skipped(area: str, metric: str, reason: str) -> Row:
    """A row that says what the folder lacks."""
    return Row(area=area, metric=metric, note=f"skipped: {reason}")


def bootstrap(
    items: Sequence[npt.NDArray[np.float64]],
    statistic: Callable[[npt.NDArray[np.float64]], float],
) -> tuple[float, float]:
    """95% percentile interval of a statistic, resampling whole groups.

    items: one array [n_i, ...] for each person, recording or question (Efron 1979);
    statistic: of the concatenated rows. Fewer than two groups give (nan, nan): one
    person's spread says nothing about people.
    """
    if len(items) < 2:
        return float("nan"), float("nan")
    random = np.random.default_rng(SEED)
    values = [
        statistic(np.concatenate([items[i] for i in random.integers(0, len(items), len(items))]))
        for _ in range(BOOTSTRAP_ROUNDS)
    ]
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)
