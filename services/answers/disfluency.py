"""Fillers, repetitions, repairs and hedges in the words (Shriberg 1994)."""

from __future__ import annotations

from greenroom.v1.signals_pb2 import DisfluencySpan, Word

from services.answers.specificity import is_name
from services.answers.text import bare, ends_sentence, span

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
"""Fillers unless they carry meaning (_carries_meaning)."""

LIKING = frozenset({
    "i", "you", "we", "they", "would", "i'd", "you'd", "we'd", "he'd", "she'd", "they'd", "also",
    "really", "don't", "doesn't", "didn't",
})  # fmt: skip
COMPARING = frozenset({
    "look", "looks", "looked", "feel", "feels", "felt", "sound", "sounds", "sounded", "seem",
    "seems", "seemed", "is", "just", "exactly", "more", "much", "something", "anything", "nothing",
    "things", "stuff", "people",
})  # fmt: skip
DETERMINERS = frozenset({
    "a", "the", "this", "that", "what", "which", "some", "any", "every", "one", "no", "another",
    "same", "right", "my", "our", "your", "his", "her", "their",
})  # fmt: skip
ASKING = frozenset({
    "do", "don't", "did", "didn't", "would", "if", "whether", "as", "what", "let",
})  # fmt: skip
EXPLAINING = frozenset({"by", "is", "was", "when", "with", "here", ""})

MEANT_AFTER: dict[tuple[str, ...], frozenset[str]] = {
    ("like",): LIKING | COMPARING,
    ("kind", "of"): DETERMINERS,
    ("sort", "of"): DETERMINERS,
    ("you", "know"): ASKING,
    ("i", "mean"): frozenset({"what"}),
    ("i", "meant"): frozenset({"what"}),
}
MEANT_BEFORE: dict[tuple[str, ...], frozenset[str]] = {
    ("i", "mean"): EXPLAINING,
    ("i", "meant"): EXPLAINING,
}
"""Between these words in its sentence a filler or edit term says what it says: `what kind of`,
`do you know`, `what I mean by that`; but `what I mean who` is a repair."""

LIKE_BEFORE = frozenset({"me", "him", "her", "us", "them", "mine", "ours", "yours"})
"""`people like me`: compared, as before a name."""

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

RATHER_AFTER = frozenset({
    "would", "i'd", "you'd", "we'd", "he'd", "she'd", "they'd", "i", "you", "we", "he", "she",
    "they", "a", "is", "was", "but", "are", "were",
})  # fmt: skip
"""`would rather`, `would you rather`, `a rather good one`: no repair; nor is `rather than`."""

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
    if index > 0 and (length := _edit_term(words, plain, index)) > 0:
        return Kind.REPAIR, length
    if words[index].text.endswith("-"):
        return Kind.REPAIR, 1  # a word broken off
    if two in FILLER_PHRASES and not _is_meant(words, plain, index, 2):
        return Kind.FILLER, 2
    if word in FILLER_WORDS and not _carries_meaning(words, plain, index):
        return Kind.FILLER, 1
    if two in HEDGE_PHRASES:
        return Kind.HEDGE, 2
    return (Kind.HEDGE, 1) if word in HEDGES else (Kind.FILLER, 0)


def _edit_term(words: list[Word], plain: list[str], index: int) -> int:
    """Length of the edit term that begins here, 0 for none."""
    for length in range(LONGEST_EDIT_TERM, 0, -1):
        phrase = tuple(plain[index : index + length])
        if phrase in EDIT_TERMS and not _is_meant(words, plain, index, length):
            return length
    word = plain[index]
    before, after = _around(words, plain, index, 1)
    return int(
        (
            word == "no"
            and after  # else it is an answer, or told
            and not words[index - 1].text.endswith("?")
            and (
                (after in NO_BEFORE and before not in NO_AFTER)
                or before in FILLERS
                or after in QUESTION_WORDS
            )
        )
        or (
            word == "actually"
            and not _opens(words, index)
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


def _opens(words: list[Word], index: int) -> bool:
    """Whether a sentence begins here."""
    return index == 0 or ends_sentence(words[index - 1])


def _around(words: list[Word], plain: list[str], index: int, length: int) -> tuple[str, str]:
    """The words before and after a phrase in its sentence, "" for none."""
    end = index + length
    before = "" if _opens(words, index) else plain[index - 1]
    after = "" if end >= len(words) or _opens(words, end) else plain[end]
    return before, after


def _is_meant(words: list[Word], plain: list[str], index: int, length: int) -> bool:
    phrase = tuple(plain[index : index + length])
    before, after = _around(words, plain, index, length)
    fits = phrase not in MEANT_BEFORE or after in MEANT_BEFORE[phrase]
    return fits and before in MEANT_AFTER.get(phrase, ())


def _carries_meaning(words: list[Word], plain: list[str], index: int) -> bool:
    if plain[index] != "like":
        return _opens(words, index)  # 'Actually, ...' opens a sentence; in its midst it fills
    if _is_meant(words, plain, index, 1):
        return True
    following = index + 1
    return following < len(words) and (plain[following] in LIKE_BEFORE or is_name(words, following))
