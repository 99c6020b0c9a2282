"""Figures as people say them: values with their units, usual ranges, times."""

from __future__ import annotations

from collections.abc import Iterable

from services.runtime import measures
from services.runtime.measures import MEASURES


def figure(measure: str, value: float) -> str:
    """A value with its unit."""
    unit = MEASURES[measure].unit
    match unit:
        case "%":
            return f"{value:.0f}%"
        case "/min":
            return _rate(value)
        case "/100 words":
            return f"{value:.0f} times in 100 words"
        case "of 4":
            return f"{value:.0f}" if value == round(value) else f"{value:.1f}"
        case "words/min":
            return f"{value:.0f} words a minute"
        case "s":
            return duration(value)
        case "semitones":
            return f"{value:.1f} semitones"
        case "hands/s":
            return f"{value:.1f} hand lengths a second"
        case "":
            return f"{value:.0f}"
        case _:
            return f"{value:.1f} {unit}"


def shown(measure: str, value: float) -> float:
    """The value as `figure` rounds it."""
    unit = MEASURES[measure].unit
    whole = unit in _WHOLE or (unit == "s" and value >= SECONDS_IN_TENTHS)
    return round(value, 0 if whole else 1)


def _rate(per_minute: float) -> str:
    if per_minute == 0:
        return "none"
    if per_minute < 0.5:
        return "less than once a minute"
    return "about once a minute" if per_minute < 1.5 else f"{per_minute:.0f} times a minute"


def duration(seconds: float) -> str:
    """0.4 seconds, 20 seconds, 1:45 minutes."""
    if seconds < SECONDS_IN_TENTHS:
        return f"{seconds:.1f} seconds"
    if seconds < 89.5:
        return f"{seconds:.0f} seconds"
    return f"{clock(round(seconds * 1000))} minutes"


def clock(milliseconds: int) -> str:
    """m:ss"""
    seconds = round(milliseconds / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def numbers(question_ids: Iterable[str]) -> list[int]:
    """The number of each question that was asked: its place among those asked for the first
    time, from 1, as the interview's page counts. Asked again, it keeps its own."""
    ids = list(question_ids)
    first = {question_id: number for number, question_id in enumerate(dict.fromkeys(ids), 1)}
    return [first[question_id] for question_id in ids]


def called(number: int, attempt: int) -> str:
    """2, or 2 (again)."""
    return f"{number} (again)" if attempt else f"{number}"


def usual(measure: str) -> str:
    """The usual range in words; empty when there is none."""
    entry = MEASURES[measure]
    unit = _UNITS.get(entry.unit, f" {entry.unit}")
    range_ = measures.usual(entry)
    return range_.replace(" or", f"{unit} or") if " or" in range_ else range_ and range_ + unit


SECONDS_IN_TENTHS = 9.95
"""Longer times are said in whole seconds."""

_WHOLE = frozenset({"%", "/min", "/100 words", "words/min", ""})
"""Units whose figures are said without decimals."""

_UNITS = {
    "": "",
    "%": "%",
    "/min": " a minute",
    "words/min": " words a minute",
    "hands/s": " hand lengths a second",
    "/100 words": " in 100 words",
    "s": " seconds",
}
