"""What was really said, by the manifest, and how far a transcript is from it."""

import re
from dataclasses import dataclass

from services.voice.words import is_filler
from training.data import Entry

# fmt: off
ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on

_WEAK = "ASR(tiny)"
"""The manifest's mark for a text that a small transcriber wrote, not a person."""
_NO_TEXT = re.compile(r"unreliable|speaker turns|(read|narrated) by|^$", flags=re.IGNORECASE)
"""Labels of sound that are not what is said."""
_SOUND = re.compile(r"\b(pcm|flac|vorbis|opus|aac|mp2|mp3)")


@dataclass(frozen=True)
class Reference:
    """The words of a recording."""

    words: list[str]
    """Normalized, fillers in place."""
    weak: bool
    """Written by a transcriber: a difference may be its error."""
    open_start: bool
    open_end: bool
    """The text is an excerpt: more may be said before or after it."""

    @property
    def spoken(self) -> list[str]:
        """Without fillers, as word error rates are counted."""
        return without_fillers(self.words)


def reference(entry: Entry) -> Reference | None:
    """The text of a manifest entry; None where it has none."""
    label = entry.label.strip()
    if (named := re.search(r"\btext=(.*)", label)) is not None:
        label = named[1]
    elif "=" in label:
        return None
    if not _SOUND.search(entry.format) or _NO_TEXT.search(label):
        return None
    weak = label.startswith(_WEAK)
    text = label.removeprefix(_WEAK).lstrip(": ").strip('" ')
    text = re.sub(r"<cutoff-[^>]*>", " ", text)  # a part of a word has no agreed spelling
    text = re.sub(r"<\w+-([^>]*)>", r"\1", text)
    return Reference(words(text), weak, text.startswith("..."), text.endswith("..."))


def words(text: str) -> list[str]:
    """Lower case without punctuation, numbers spelt out: what a listener would agree on."""
    plain = text.lower().replace("’", "'").replace("%", " percent ")
    plain = re.sub(r"(\d+)", lambda found: f" {_spoken(int(found[1]))} ", plain)
    plain = re.sub(r"[^a-z' ]", " ", plain)
    return [word for raw in plain.split() if (word := _unquoted(raw))]


def _unquoted(word: str) -> str:
    """Without quotation marks, but 'er (her) and 'cause keep their apostrophe."""
    return word.strip("'") if word.endswith("'") else word


def without_fillers(said: list[str]) -> list[str]:
    return [word for word in said if not is_filler(word)]


def errors(wanted: list[str], got: list[str], *, open_start: bool, open_end: bool) -> int:
    """Substitutions, deletions and insertions (Levenshtein); words that were got beyond an
    open end cost nothing."""
    row = [0 if open_start else j for j in range(len(got) + 1)]
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            best = min(before + (word != other), row[j] + 1, row[j - 1] + 1)
            before, row[j] = row[j], best
    return min(row) if open_end else row[-1]


def _spoken(number: int) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        rest = number % 10
        return TENS[number // 10 - 2] + (f" {ONES[rest]}" if rest else "")
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{_spoken(number // size)} {name}" + (f" {_spoken(rest)}" if rest else "")
    raise AssertionError(number)
