"""Written text as if it had been said."""

from __future__ import annotations

import re

from greenroom.v1.signals_pb2 import Word

WORD_US, GAP_US = 250_000, 50_000


def spoken(text: str, *, plain: bool = False) -> list[Word]:
    """Words at an even pace. plain: lower case without punctuation, as the weakest
    transcripts are."""
    words: list[Word] = []
    for token in text.split():
        said = re.sub(r"[^\w'-]", "", token).lower() if plain else token
        if said:
            start = len(words) * (WORD_US + GAP_US)
            words.append(Word(text=said, start_us=start, end_us=start + WORD_US))
    return words
