"""Figures as people say them: values with their units, usual ranges, times."""

from __future__ import annotations

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


def _rate(per_minute: float) -> str:
    if per_minute == 0:
        return "none"
    if per_minute < 0.5:
        return "less than once a minute"
    return "about once a minute" if per_minute < 1.5 else f"{per_minute:.0f} times a minute"


def duration(seconds: float) -> str:
    """0.4 seconds, 20 seconds, 1:45 minutes."""
    if seconds < 9.95:
        return f"{seconds:.1f} seconds"
    if seconds < 89.5:
        return f"{seconds:.0f} seconds"
    return f"{clock(round(seconds * 1000))} minutes"


def clock(milliseconds: int) -> str:
    """m:ss"""
    seconds = round(milliseconds / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def usual(measure: str) -> str:
    """The usual range in words; empty when there is none."""
    entry = MEASURES[measure]
    unit = _UNITS.get(entry.unit, f" {entry.unit}")
    range_ = measures.usual(entry)
    return range_.replace(" or", f"{unit} or") if " or" in range_ else range_ and range_ + unit


_UNITS = {
    "": "",
    "%": "%",
    "/min": " a minute",
    "words/min": " words a minute",
    "hands/s": " hand lengths a second",
    "/100 words": " in 100 words",
    "s": " seconds",
}
