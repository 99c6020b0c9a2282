from pathlib import Path

import pytest

from training.data import Entry
from training.voice import texts


def entry(label: str, sound: str = "pcm_s16le 16000Hz x1") -> Entry:
    return Entry(
        path=Path("x.wav"), tier="A", licence="MIT", duration_s=1.0, format=sound, shows="",
        label=label,
    )  # fmt: skip


def test_a_text() -> None:
    found = texts.reference(entry("um so it's 25 <hes-things> <cutoff-mont> montreal"))
    assert found
    assert found.words == ["um", "so", "it's", "twenty", "five", "things", "montreal"]
    assert found.spoken == ["so", "it's", "twenty", "five", "things", "montreal"]
    assert (found.weak, found.open_start, found.open_end) == (False, False, False)


def test_a_text_by_a_transcriber_that_is_an_excerpt() -> None:
    found = texts.reference(entry('ASR(tiny): "...for a long time. ..."'))
    assert found
    assert found.words == ["for", "a", "long", "time"]
    assert found.weak
    assert found.open_start
    assert found.open_end


def test_a_text_among_labels() -> None:
    found = texts.reference(entry("emotion=sad actor=01 text=Kids are talking by the door"))
    assert found
    assert found.words == ["kids", "are", "talking", "by", "the", "door"]


@pytest.mark.parametrize(
    "label",
    ["", "speaker turns in x.rttm", "ASR(tiny) unreliable", "Emma / Read by A", "emotion=sad"],
)
def test_no_text(label: str) -> None:
    assert texts.reference(entry(label)) is None


def test_a_file_without_sound_has_no_text() -> None:
    assert texts.reference(entry("time-aligned words of the wav", "")) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It’s 3 o'clock!", "it's three o'clock"),
        ("K7 now", "k seven now"),
        ("1,234 or 50%", "one two hundred thirty four or fifty percent"),
        ("'quoted' 'er", "quoted 'er"),
        ("1250", "one thousand two hundred fifty"),
    ],
)
def test_normalized_words(text: str, words: str) -> None:
    assert texts.words(text) == words.split()


def count(wanted: str, got: str, *, open_start: bool = False, open_end: bool = False) -> int:
    return texts.errors(wanted.split(), got.split(), open_start=open_start, open_end=open_end)


def test_errors() -> None:
    assert count("a b c d", "a b c d") == 0
    assert count("a b c d", "a x c") == 2
    assert count("a b", "x a b y") == 2
    assert count("", "a b") == 2
    assert count("a b", "") == 2


def test_words_beyond_an_open_end_are_free() -> None:
    assert count("b c", "a b c d e", open_end=True) == 1
    assert count("b c", "a b c", open_start=True) == 0
    assert count("b c", "a b x d", open_start=True, open_end=True) == 1
