"""How concrete an answer is, and whose deeds it tells."""

from __future__ import annotations

import re

from greenroom.v1.signals_pb2 import Word

from services.answers.text import MIN_WORDS, bare, ends_sentence

NUMBER_WORDS = frozenset(
    [
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "fifteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "million",
        "billion",
        "half",
        "double",
        "twice",
        "percent",
    ]
)
VAGUE = frozenset(
    [
        "thing",
        "things",
        "stuff",
        "something",
        "somehow",
        "some",
        "various",
        "several",
        "lots",
        "basically",
        "generally",
        "usually",
        "kinda",
        "whatever",
        "etc",
        "anything",
        "everything",
        "someone",
        "somebody",
    ]
)
OWN = frozenset({"i", "i'm", "i've", "i'd", "i'll", "my", "me", "mine", "myself"})
SHARED = frozenset({"we", "we're", "we've", "we'd", "we'll", "our", "us", "ours", "ourselves"})

CONCRETE_PER_100 = 6.0
"""Numbers and names in a hundred words at which an answer counts as fully specific."""

VAGUE_PER_100 = 6.0


def specificity(words: list[Word]) -> float | None:
    """0..1 by numbers and names within the sentences; None for too few words."""
    if len(words) < MIN_WORDS:
        return None
    concrete = sum(
        _is_number(word.text) or is_name(words, index) for index, word in enumerate(words)
    )
    return min(1.0, 100 * concrete / len(words) / CONCRETE_PER_100)


def vagueness(words: list[Word]) -> float | None:
    """0..1 by words that stand for anything; None for too few words."""
    if len(words) < MIN_WORDS:
        return None
    vague = sum(bare(word) in VAGUE for word in words)
    return min(1.0, 100 * vague / len(words) / VAGUE_PER_100)


def ownership(words: list[Word]) -> float | None:
    """Share of `I` among `I` and `we`; None when neither was said."""
    own = sum(bare(word) in OWN for word in words)
    shared = sum(bare(word) in SHARED for word in words)
    return own / (own + shared) if own + shared else None


def _is_number(text: str) -> bool:
    return bool(re.search(r"\d", text)) or bare(text) in NUMBER_WORDS


def is_name(words: list[Word], index: int) -> bool:
    """A capital inside a sentence; `I` and its forms are none."""
    text = words[index].text
    if index == 0 or ends_sentence(words[index - 1]):
        return False
    return text[:1].isupper() and bare(text) not in OWN
