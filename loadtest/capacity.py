"""How many sessions a deployment holds: raise until an objective breaks, then say what broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.processes import kind_of
from loadtest.result import Result
from loadtest.run import RunError
from loadtest.stages import BusError

SATURATED_CORES = 0.9
"""A process of one analysis thread has no more to give."""

GREW = 1.5
"""A stage whose p95 is this many times that of the run that held is named."""


@dataclass
class Search:
    """Which number of sessions to try next: doubling until one breaks, then halving the gap.

    The answer is `held`, the most that kept every objective; 0 when not even one did.
    """

    limit: int
    """Never more than this."""
    held: int = 0
    broke: int | None = None
    tried: list[int] = field(default_factory=list)

    def next(self) -> int | None:
        """None when the answer is known."""
        if self.broke is None:
            return None if self.held >= self.limit else min(self.limit, max(1, self.held * 2))
        if self.broke - self.held <= 1:
            return None
        return (self.held + self.broke) // 2

    def tell(self, sessions: int, *, kept: bool) -> None:
        self.tried.append(sessions)
        if kept:
            self.held = max(self.held, sessions)
        elif self.broke is None or sessions < self.broke:
            self.broke = sessions


@dataclass(frozen=True)
class Capacity:
    sessions: int
    culprits: list[str]
    """What broke first, in words; empty when nothing did up to the limit."""
    result: Result
    """Of so many sessions; of the fewest when not even one kept every objective, or could be
    trusted."""
    trusted: bool
    """False when the search was broken off or ended at figures that can't be trusted: it may hold
    more."""


def find(search: Search, run: Callable[[int], Result]) -> Capacity:
    """Runs until the answer is known, or until the figures can't be trusted any more.

    Raises RunError when the first run does; later it is a number at which nothing holds. What
    breaks off a later run (BusError, KeyboardInterrupt) leaves what held.
    """
    held: Result | None = None
    broken: Result | None = None
    why: list[str] = []
    while (sessions := search.next()) is not None:
        try:
            result = run(sessions)
        except RunError as error:
            if held is None:
                raise
            search.tell(sessions, kept=False)
            broken, why = None, [f"{sessions} sessions: {error}"]
            continue
        except (BusError, KeyboardInterrupt) as error:
            if held is None:
                raise
            return _broken_off(search, held, f"{sessions} sessions: {str(error) or 'interrupted'}")
        if result.broken_off and held:
            return _broken_off(search, held, f"{sessions} sessions: {result.distrust[0]}")
        # What was kept counts for as little as what broke when the figures can't be trusted.
        if not result.trusted:
            return Capacity(search.held, result.distrust, held or result, trusted=False)
        search.tell(sessions, kept=result.kept)
        if result.kept:
            held = result
        else:
            broken = result
    if broken:
        why = culprits(held, broken)
    best = held or broken
    assert best is not None, "a search tries at least one number"
    return Capacity(search.held, why, best, trusted=True)


def _broken_off(search: Search, held: Result, why: str) -> Capacity:
    held.break_off(f"the search was broken off at {why}")
    return Capacity(search.held, held.distrust, held, trusted=False)


def culprits(held: Result | None, broken: Result) -> list[str]:
    """The broken objectives, the stages that grew, the processes without time left."""
    words = ["no session came to its end"] if broken.all_lost else []
    words += [
        f"{slo.metric} is {'not measured' if slo.value is None else f'{slo.value:.4g}'}, "
        f"must be {slo.bound}"
        for slo in broken.slo
        if not slo.kept
    ]
    grown: list[tuple[float, str]] = []
    for name, stage in broken.stages.items():
        before = held.stages.get(name) if held else None
        if before and stage.p95 > GREW * before.p95:
            text = f"stage {name} went from {before.p95:.0f} to {stage.p95:.0f} ms (p95)"
            grown.append((stage.p95 - before.p95, text))
    words += [text for _, text in sorted(grown, reverse=True)]
    words += [
        f"process {name} used {process.cores:.2f} cores: its analysis thread is full"
        for name, process in broken.processes.items()
        if process.cores >= SATURATED_CORES and kind_of(name) != "gateway"
    ]
    used = sum(process.cores for process in broken.processes.values())
    if broken.processes:
        words.append(f"all processes together used {used:.2f} cores")
    return words
