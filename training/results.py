"""What an evaluation says: one row of the accuracy table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

BOOTSTRAP_ROUNDS = 1000
CONFIDENCE = 0.95
SEED = 20_260

HEADINGS = (
    "area",
    "metric",
    "slice",
    "ours",
    "95% interval",
    "n",
    "target",
    "baseline",
    "peer",
    "note",
)


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


def figure(value: float | None, unit: str = "") -> str:
    if value is None or value != value:
        return "-"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{text} {unit}".strip()


def cells(row: Row) -> list[str]:
    """A row as the table's HEADINGS."""
    interval = ""
    if row.low is not None and row.high is not None and row.low == row.low:
        interval = f"{figure(row.low)} to {figure(row.high)}"
    target = ""
    if row.target is not None:
        sign = ">=" if row.better == "higher" else "<="
        word = {True: "met", False: "missed", None: "not measured"}[row.meets_target]
        target = f"{sign} {figure(row.target)} {word}"
    baseline = f"{figure(row.baseline.value)} ({row.baseline.name})" if row.baseline else ""
    peer = f"{figure(row.peer.value)} ({row.peer.name})" if row.peer else ""
    return [
        row.area,
        row.metric,
        row.slice,
        figure(row.value, row.unit),
        interval,
        str(row.n) if row.n else "",
        target,
        baseline,
        peer,
        row.note,
    ]


def markdown(rows: Sequence[Row], header: str, columns: Sequence[str] = HEADINGS) -> str:
    """A heading and a table of the rows."""
    places = [HEADINGS.index(column) for column in columns]
    table = [columns, ["---"] * len(columns), *([cells(row)[i] for i in places] for row in rows)]
    lines = ["| " + " | ".join(line).replace("\n", " ") + " |" for line in table]
    return "\n".join([header, "", *lines]) + "\n"
