"""Two results side by side."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from loadtest.processes import kind_of
from loadtest.progress import figure
from loadtest.result import Result

NOTABLE = 0.10
"""A change by this share is marked; runs of one build differ by less on a quiet machine."""

MORE_IS_BETTER = frozenset(
    {"reports_complete", "hints_recall", "hints_precision", "frames_per_second"}
)

OF_ALL_PROCESSES = frozenset({"cores", "cores_per_session", "memory", "memory_per_session"})


@dataclass(frozen=True)
class Change:
    """One metric in both results; None where it was not measured."""

    metric: str
    before: float | None
    after: float | None
    alike: bool = True
    """False for a sum over other processes."""

    @property
    def share(self) -> float | None:
        """Of the first value; None without both, or from nothing."""
        if self.before is None or self.after is None or self.before == 0:
            return None
        return (self.after - self.before) / abs(self.before)

    @property
    def word(self) -> str:
        """better, worse, or nothing for what is not notable or not alike."""
        if self.before is None or self.after is None or not self.alike:
            return ""
        share = self.share
        if share is None:
            share = self.after - self.before
        if abs(share) < NOTABLE:
            return ""
        return "better" if (share > 0) == (self.metric in MORE_IS_BETTER) else "worse"


def changes(before: Result, after: Result) -> list[Change]:
    names = sorted(before.metrics.keys() | after.metrics.keys())
    return [
        Change(
            name,
            before.metrics.get(name),
            after.metrics.get(name),
            _summed(before, name) == _summed(after, name),
        )
        for name in names
    ]


def _summed(result: Result, metric: str) -> set[str]:
    """The processes that the metric is a sum over; none for most."""
    if metric in OF_ALL_PROCESSES:
        return set(result.processes)
    kind = metric.removesuffix("_cores_per_session").removesuffix("_memory")
    return {name for name in result.processes if kind_of(name) == kind}


def differing_options(before: Result, after: Result) -> list[str]:
    """What makes a comparison unfair, in words."""
    old = before.options.model_dump(exclude={"digests"})
    new = after.options.model_dump(exclude={"digests"})
    words = [f"{name}: {old[name]} and {new[name]}" for name in old if old[name] != new[name]]
    contents = before.options.digests, after.options.digests
    if all(contents) and contents[0] != contents[1] and old["recordings"] == new["recordings"]:
        words.append(f"content of {', '.join(old['recordings'])}: the names alone are the same")
    measured = [", ".join(sorted(result.processes)) or "none" for result in (before, after)]
    if measured[0] != measured[1]:
        words.append(
            f"processes: {measured[0]} and {measured[1]}; sums over different ones are not judged"
        )
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
    titles = [f"{r.started:%Y-%m-%d %H:%M} (Greenroom {r.greenroom})" for r in (before, after)]
    made = Table(title=" and ".join(titles))
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
