"""Words as sound: syllables, fillers, and roughly where in an utterance each was said."""

import re

FILLERS = frozenset(
    {"um", "umm", "uhm", "uh", "uhh", "er", "erm", "ehm", "ah", "hm", "hmm", "mm", "mhm"}
)
"""Filled pauses as a transcriber writes them. Words such as "like" depend on their sense
and are the answer service's."""

_VOWELS = re.compile(r"[aeiouy]+")
_SILENT_ES = re.compile(r"(?<=[^aeiouysxzhgc])es$")
_SILENT_ED = re.compile(r"(?<=[^aeiouytd])ed$")
_SILENT_E = re.compile(r"(?<=[^aeiouyl])e$")
_SYLLABIC_LE = re.compile(r"(?<=[^aeiouyl])le$")
_HIATUS = re.compile(
    r"i[ao](?!u)|(?<!q)u[ao]|eo(?!u)|iu|[aeiou]ing$|[aeiou][^aeiou]+ea$|(?<![tcsg])ie(?=n[ct]|t)"
)
"""Neighbouring vowels in two syllables: radio, dual, video, being, idea, science, quiet."""
_NO_HIATUS = re.compile(r"[tscgx]i(?:on|ous|al|an)|qu[ao]|gu[ao]|people")
"""Where they are one after all: nation, special, quality, language."""

_DIGIT_SYLLABLES = (2, 1, 1, 1, 1, 1, 1, 2, 1, 1)
"""Spoken one by one: ze-ro, one ... se-ven ... nine."""

_LETTER_SYLLABLES = {"w": 3}
"""dou-ble-u; every other letter's name has one syllable."""


def normalize(word: str) -> str:
    """Lower case, only letters, digits and the apostrophe."""
    return re.sub(r"[^a-z0-9']", "", word.lower().replace("’", "'"))


def is_filler(word: str) -> bool:
    return normalize(word) in FILLERS


def syllables(word: str) -> int:
    """How many syllables an English word has, by its spelling; at least 1.

    Digits count as read one by one, letters standing alone or in capitals as spelt.
    """
    plain = normalize(word).replace("'", "")
    digits = sum(_DIGIT_SYLLABLES[int(digit)] for digit in re.findall(r"[0-9]", plain))
    letters = re.sub(r"[0-9]", "", plain)
    if not letters:
        return max(digits, 1)
    bare = re.sub(r"[^A-Za-z]", "", word)
    if len(letters) == 1 or (bare.isupper() and not _VOWELS.search(letters)):
        return digits + sum(_LETTER_SYLLABLES.get(letter, 1) for letter in letters)
    return digits + _spelled(letters)


def _spelled(letters: str) -> int:
    stem = _SILENT_ES.sub("", _SILENT_ED.sub("", letters))
    if _SYLLABIC_LE.search(stem):
        stem = stem[:-2] + "el"
    elif len(_VOWELS.findall(stem)) > 1:
        stem = _SILENT_E.sub("", stem)
    count = len(_VOWELS.findall(stem))
    if not _NO_HIATUS.search(letters):
        count += len(_HIATUS.findall(stem))
    return max(count, 1)


def spread(weights: list[int], stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Place words one after another on stretches of speech, each as long as its weight.

    ``stretches`` are (start, end) in samples, in order and apart; so are the results.
    The fallback where no alignment is to be had: it knows the pauses and the
    syllables, not the sounds.
    """
    total = sum(end - start for start, end in stretches)
    unit = total / max(sum(weights), 1)
    placed: list[tuple[int, int]] = []
    done = 0.0
    for weight in weights:
        begin, done = done, done + weight * unit
        start = _at(begin, stretches, after=True)
        placed.append((start, max(_at(done, stretches, after=False), start)))
    return placed


def _at(spoken: float, stretches: list[tuple[int, int]], *, after: bool) -> int:
    """The place in the stream where ``spoken`` samples of speech have passed; on the edge of
    two stretches, the later one's start if ``after``, else the earlier one's end."""
    for start, end in stretches:
        length = end - start
        if spoken < length or (spoken == length and not after):
            return start + round(spoken)
        spoken -= length
    return stretches[-1][1]


def filler_kind(word: str) -> str:
    """um (it ends in a nasal) or uh."""
    return "um" if "m" in normalize(word) else "uh"
