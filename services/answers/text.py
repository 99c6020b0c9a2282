"""A spoken answer as words with times, and spans of it."""

from __future__ import annotations

import re

from greenroom.v1.signals_pb2 import TextSpan, Word

CLAUSE_WORDS = 28
"""Speech recognition gives few full stops: a longer run is cut, so that a point that takes
one clause is not drowned in a long one."""

MIN_CLAUSE_WORDS = 3
MIN_WORDS = 15
"""Fewer words say nothing about style, and which question they are near is chance: of one
question "You" has a relevance of .98."""

SENTENCE_END = re.compile(r"[.!?]$")
CLAUSE_END = re.compile(r"[,;:]$")


def span(words: list[Word]) -> TextSpan:
    """Quote and time range of a run of words (not empty)."""
    return TextSpan(
        quote=" ".join(word.text for word in words),
        start_us=words[0].start_us,
        end_us=words[-1].end_us,
    )


def bare(word: Word | str) -> str:
    """Lower case, letters, digits and apostrophes."""
    text = word if isinstance(word, str) else word.text
    return re.sub(r"[^a-z0-9']", "", text.lower().replace("’", "'"))


def ends_sentence(word: Word) -> bool:
    return SENTENCE_END.search(word.text) is not None


def sentences(words: list[Word]) -> list[list[Word]]:
    """Runs that end with a full stop, or after CLAUSE_WORDS; a comma or the like ends one that has
    half as many. A rest of fewer than MIN_CLAUSE_WORDS goes to the run before it."""
    runs: list[list[Word]] = []
    run: list[Word] = []
    for word in words:
        run.append(word)
        long = len(run) >= CLAUSE_WORDS
        if (
            ends_sentence(word)
            or (len(run) >= CLAUSE_WORDS // 2 and CLAUSE_END.search(word.text))
            or long
        ):
            runs.append(run)
            run = []
    if run:
        if runs and len(run) < MIN_CLAUSE_WORDS:
            runs[-1] = runs[-1] + run
        else:
            runs.append(run)
    return runs
