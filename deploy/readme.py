"""``python -m deploy.readme``: writes the README's tables that come from the code."""

from __future__ import annotations

import re
from pathlib import Path

from deploy import licences, settings

README = Path(__file__).resolve().parent.parent / "README.md"
TABLES = {"settings": settings.table, "models": licences.table}
"""By the name in the README's marks, ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``."""


def filled(text: str) -> str:
    """The README with its tables made anew. Raises ValueError when a mark is missing."""
    for name, table in TABLES.items():
        marks = re.compile(rf"(?<=<!-- {name}:begin -->\n).*?(?=<!-- {name}:end -->)", re.DOTALL)
        old = marks.search(text)
        if old is None:
            raise ValueError(f"README.md has no marks for the table of {name}")
        text = text[: old.start()] + table() + text[old.end() :]
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
