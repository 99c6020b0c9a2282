"""Parts of a session, and how much time windows and words stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TypeVar

from greenroom.v1.signals_pb2 import Word

from services.aggregator.state import Asked, Event, Window
from services.runtime.analyzer import STATE_WINDOW_US
from services.runtime.media import MICROSECONDS

Timed = TypeVar("Timed", Window, Event, Word)

LONG_PAUSE_US = 2 * MICROSECONDS
"""Longer pauses are turns of thought, not pace: they count as pauses, not in the rate."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the session that is measured."""

    start_us: int
    end_us: int
    asked: Asked | None = None
    pauses: tuple[tuple[int, int], ...] = ()
    """Parts of it that are not measured, in order and apart: see SessionState.away."""

    @property
    def seconds(self) -> float:
        paused = sum(
            max(0, min(end, self.end_us) - max(start, self.start_us)) for start, end in self.pauses
        )
        return max(0, self.end_us - self.start_us - paused) / MICROSECONDS

    def holds(self, start_us: int, end_us: int) -> bool:
        """By the middle, so that everything belongs to one stretch."""
        middle = (start_us + end_us) // 2
        return self.start_us <= middle < self.end_us and not any(
            start <= middle < end for start, end in self.pauses
        )

    def inside(self, items: Iterable[Timed]) -> list[Timed]:
        return [item for item in items if self.holds(item.start_us, item.end_us)]


def pauses_in_speech(
    events: Iterable[Event], stretch: Stretch, asked: Iterable[Asked]
) -> list[Event]:
    """Silences within an answer: from one answer to the next, and while the practice was paused,
    silence is no pause in speech."""
    starts = [each.start_us for each in asked]
    return [
        event
        for event in events
        if event.type == "pause"
        and stretch.start_us <= event.start_us
        and event.end_us <= stretch.end_us
        and not any(event.start_us < start < event.end_us for start in starts)
        and not any(event.start_us < end and start < event.end_us for start, end in stretch.pauses)
    ]


def seconds(windows: Sequence[Window]) -> float:
    """Media time of windows in order. A window lasts from its first frame to its last; the
    step to the next belongs to it, unless that is a gap."""
    total = 0
    for window, following in zip_longest(windows, windows[1:]):
        length = window.end_us - window.start_us
        if following is not None:
            step = following.start_us - window.start_us
            length = step if step < 2 * max(length, STATE_WINDOW_US) else length
        total += length
    return total / MICROSECONDS


def spoken_seconds(words: Sequence[Word]) -> float:
    """From the first to the last word, without pauses over two seconds; at least one second."""
    total = words[-1].end_us - words[0].start_us
    for before, after in pairwise(words):
        gap = after.start_us - before.end_us
        if gap > LONG_PAUSE_US:
            total -= gap
    return max(total, MICROSECONDS) / MICROSECONDS


def union(spans: Iterable[tuple[int, int]]) -> int:
    """Length of what the spans cover together: two hands at once count once."""
    total, reached = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
