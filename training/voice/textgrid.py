"""Praat's TextGrid files, long or short form."""

import re
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![\w"])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)')


@dataclass(frozen=True)
class Interval:
    """Seconds, and what is said; empty for silence."""

    start: float
    end: float
    text: str


def tiers(path: Path) -> dict[str, list[Interval]]:
    """The interval tiers of a file by name.

    Raises ValueError for a file that is no TextGrid.
    """
    content = path.read_text(encoding="utf-8-sig")
    content = re.sub(r"\[\d*\]", "", content)  # "intervals [3]:" of the long form
    tokens = [
        text.replace('""', '"') if number == "" else float(number)
        for text, number in _TOKEN.findall(content)
    ]
    if tokens[:2] != ["ooTextFile", "TextGrid"]:
        raise ValueError(f"{path} is no TextGrid")
    found: dict[str, list[Interval]] = {}
    position = 5  # after the types, the two times and the number of tiers
    while position < len(tokens):
        kind, name, count = tokens[position], tokens[position + 1], int(tokens[position + 4])
        position += 5
        width = 3 if kind == "IntervalTier" else 2
        if kind == "IntervalTier":
            rows = [tokens[position + 3 * i : position + 3 * i + 3] for i in range(count)]
            found[str(name)] = [Interval(float(a), float(b), str(c)) for a, b, c in rows]
        position += width * count
    return found
