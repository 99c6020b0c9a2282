"""Fillers, repetitions, repairs and hedges in the words (Shriberg 1994)."""

from __future__ import annotations

from greenroom.v1.signals_pb2 import DisfluencySpan, Word

from services.answers.text import bare, span

FILLERS = {"um", "uh", "umm", "uhh", "erm", "er", "hm", "hmm", "mm"}
FILLER_PHRASES = {
    ("you", "know"),
    ("i", "mean"),
    ("sort", "of"),
    ("kind", "of"),
    ("or", "something"),
    ("or", "whatever"),
}
FILLER_WORDS = {"like", "basically", "actually", "literally", "honestly"}
"""Fillers unless they carry meaning: `like` after a verb of liking or before a comparison
is none (_carries_meaning)."""

LIKING = {"i", "you", "we", "they", "would", "i'd", "we'd", "they'd", "also", "really", "don't"}
BEFORE_COMPARISON = {"look", "looks", "looked", "feel", "feels", "felt", "sound", "sounds", "is"}

HEDGES = {"maybe", "perhaps", "probably", "possibly", "somewhat", "somehow"}
HEDGE_PHRASES = {("i", "think"), ("i", "guess"), ("i", "suppose"), ("not", "sure")}

EDIT_TERMS = {
    ("i", "mean"),
    ("i", "meant"),
    ("no", "wait"),
    ("wait", "no"),
    ("or", "wait"),
    ("no", "no"),
    ("no", "sorry"),
    ("oh", "sorry"),
    ("oh", "no"),
    ("or", "rather"),
    ("scratch", "that"),
    ("i", "should", "say"),
    ("no", "scratch", "that"),
    ("no", "make", "that"),
    ("or", "make", "that"),
    ("uh", "make", "that"),
    ("let", "me", "rephrase"),
    ("or", "no"),
    ("or", "actually"),
    ("or", "uh"),
    ("or", "um"),
    ("or", "er"),
    ("or", "erm"),
    ("let", "me", "say"),
    ("tell", "me", "instead"),
    ("oops",),
}
"""What a speaker says between the slip and its repair (Levelt 1983)."""

LONGEST_EDIT_TERM = 3

QUESTION_WORDS = frozenset({"what", "who", "whose", "which", "when", "where", "why", "how"})
NO_BEFORE = QUESTION_WORDS | frozenset(
    {
        "the",
        "a",
        "an",
        "in",
        "on",
        "of",
        "it",
        "i",
        "we",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "my",
        "our",
        "that",
        "this",
        "tell",
        "make",
    }
)
"""`no` before one of these isn't a determiner: it takes back what was said."""

NO_AFTER = frozenset(
    {"say", "said", "says", "yes", "or", "and", "but", "was", "is", "answered", "told", "there's"}
)
"""After these it's told, not said; or it denies something."""

SORRY_AFTER = frozenset(
    {
        "i'm",
        "am",
        "was",
        "were",
        "are",
        "is",
        "be",
        "been",
        "feel",
        "felt",
        "so",
        "very",
        "really",
        "say",
        "said",
        "saying",
    }
)
"""Somebody is sorry: no repair."""

ACTUALLY_AFTER = frozenset({"is", "was", "are", "were", "be", "been", "it's", "that's", "not"})
"""`is actually the best`: no repair."""

RATHER_AFTER = frozenset(
    {"would", "i'd", "we'd", "he'd", "she'd", "they'd", "a", "is", "was", "but", "are", "were"}
)
"""`would rather`, `a rather good one`: no repair; nor is `rather than`."""

ECHO_WORDS = 3
"""A run of up to this many words said twice in a row is a repetition."""

NOT_REPETITIONS = {"very", "really", "so", "no", "yes", "had", "that"}
"""Words that are doubled in fluent speech."""

Kind = DisfluencySpan.Type


def disfluencies(words: list[Word]) -> list[DisfluencySpan]:
    """All of them, by their place; a word belongs to one at most."""
    plain = [bare(word) for word in words]
    found: list[DisfluencySpan] = []
    index = 0
    while index < len(words):
        kind, length = _at(words, plain, index)
        if length:
            found.append(DisfluencySpan(type=kind, span=span(words[index : index + length])))
        index += max(length, 1)
    return found


def _at(words: list[Word], plain: list[str], index: int) -> tuple[Kind.ValueType, int]:
    """(kind, how many words) of the disfluency that begins here; no words: none."""
    word = plain[index]
    two = tuple(plain[index : index + 2])
    if words[index].filler or word in FILLERS:
        return Kind.FILLER, 1
    if (length := _echo(plain, index)) > 0:
        return Kind.REPETITION, length
    if index > 0 and (length := _edit_term(plain, index)) > 0:
        return Kind.REPAIR, length
    if words[index].text.endswith(("-", "--")):
        return Kind.REPAIR, 1  # a word broken off
    if two in FILLER_PHRASES:
        return Kind.FILLER, 2
    if word in FILLER_WORDS and not _carries_meaning(plain, index):
        return Kind.FILLER, 1
    if two in HEDGE_PHRASES:
        return Kind.HEDGE, 2
    return (Kind.HEDGE, 1) if word in HEDGES else (Kind.FILLER, 0)


def _edit_term(plain: list[str], index: int) -> int:
    """Length of the edit term that begins here, 0 for none."""
    for length in range(LONGEST_EDIT_TERM, 0, -1):
        if tuple(plain[index : index + length]) in EDIT_TERMS:
            return length
    word, before = plain[index], plain[index - 1]
    after = plain[index + 1] if index + 1 < len(plain) else ""
    return int(
        (word == "no" and after in NO_BEFORE and before not in NO_AFTER)
        or (word == "no" and (before in FILLERS or after in QUESTION_WORDS))
        or (
            word == "actually"
            and (after in ("the", "a") or after in QUESTION_WORDS)
            and before not in ACTUALLY_AFTER
        )
        or (word == "sorry" and before not in SORRY_AFTER and after not in ("about", "for", "to"))
        or (word == "rather" and before not in RATHER_AFTER and after not in ("", "than"))
    )


def _echo(plain: list[str], index: int) -> int:
    """Length of the first of two equal runs side by side."""
    for length in range(ECHO_WORDS, 0, -1):
        first = plain[index : index + length]
        second = plain[index + length : index + 2 * length]
        if first == second and all(first) and not (length == 1 and first[0] in NOT_REPETITIONS):
            return length
    return 0


def _carries_meaning(plain: list[str], index: int) -> bool:
    if plain[index] != "like":
        return index == 0  # 'Actually, ...' opens a sentence; in its midst it fills
    before = plain[index - 1] if index else ""
    return before in LIKING or before in BEFORE_COMPARISON
