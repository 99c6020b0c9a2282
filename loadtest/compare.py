"""Two results side by side."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from loadtest.progress import figure
from loadtest.result import Result

NOTABLE = 0.10
"""A change by this share is marked; runs of one build differ by less on a quiet machine."""

MORE_IS_BETTER = frozenset(
    {"reports_complete", "hints_recall", "hints_precision", "frames_per_second"}
)


@dataclass(frozen=True)
class Change:
    """One metric in both results; None where it was not measured."""

    metric: str
    before: float | None
    after: float | None

    @property
    def share(self) -> float | None:
        """Of the first value; None without both, or from nothing."""
        if self.before is None or self.after is None or self.before == 0:
            return None
        return (self.after - self.before) / abs(self.before)

    @property
    def word(self) -> str:
        """better, worse, or nothing for what is not notable."""
        if self.before is None or self.after is None:
            return ""
        share = self.share
        if share is None:
            share = self.after - self.before
        if abs(share) < NOTABLE:
            return ""
        return "better" if (share > 0) == (self.metric in MORE_IS_BETTER) else "worse"


def changes(before: Result, after: Result) -> list[Change]:
    names = sorted(before.metrics.keys() | after.metrics.keys())
    return [Change(name, before.metrics.get(name), after.metrics.get(name)) for name in names]


def differing_options(before: Result, after: Result) -> list[str]:
    """What makes a comparison unfair, in words."""
    old, new = before.options.model_dump(), after.options.model_dump()
    words = [f"{name}: {old[name]} and {new[name]}" for name in old if old[name] != new[name]]
    if before.machine != after.machine:
        words.append(f"machine: {before.machine} and {after.machine}")
    return words


def doubts(before: Result, after: Result) -> list[str]:
    """Why a comparison says little: what speaks against either's figures."""
    return [
        f"{name}: {reason}"
        for name, result in (("before", before), ("after", after))
        if not result.trusted
        for reason in result.distrust
    ]


def table(before: Result, after: Result) -> Table:
    made = Table(title=f"{before.started:%Y-%m-%d %H:%M} and {after.started:%Y-%m-%d %H:%M}")
    for title in ("metric", "before", "after", "change", ""):
        made.add_column(title, justify="left" if title in ("metric", "") else "right")
    styles = {"better": "green", "worse": "red", "": ""}
    for change in changes(before, after):
        share = "" if change.share is None else f"{change.share:+.0%}"
        made.add_row(
            change.metric,
            figure(change.metric, change.before),
            figure(change.metric, change.after),
            share,
            change.word,
            style=styles[change.word],
        )
    return made
