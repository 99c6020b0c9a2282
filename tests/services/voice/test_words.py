import pytest

from services.voice import words


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("I", 1), ("a", 1), ("the", 1), ("time", 1), ("people", 2), ("little", 2), ("table", 2),
        ("used", 1), ("needed", 2), ("changes", 2), ("houses", 2), ("makes", 1), ("Disneyland", 3),
        ("because", 2), ("another", 3), ("travel", 2), ("different", 3), ("connects", 2),
        ("cities", 2), ("China", 2), ("nation", 2), ("special", 2), ("quality", 3), ("radio", 3),
        ("video", 3), ("being", 2), ("idea", 3), ("we've", 1), ("experience", 4), ("7", 2),
        ("42", 2), ("k", 1), ("w", 3), ("um", 1), ("seven", 2), ("congressional,", 4),
    ],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert words.syllables(word) == count


@pytest.mark.parametrize("word", ["Um,", "uh", "Uh-", "erm...", "Hmm."])
def test_fillers(word: str) -> None:
    assert words.is_filler(word)


@pytest.mark.parametrize("word", ["like", "umbrella", "her", "the", ""])
def test_words_are_no_fillers(word: str) -> None:
    assert not words.is_filler(word)


def test_filler_kinds() -> None:
    assert [words.filler_kind(word) for word in ("Um,", "uh", "erm", "er")] == [
        "um",
        "uh",
        "um",
        "uh",
    ]


def test_words_are_spread_over_speech_and_not_over_pauses() -> None:
    assert words.spread([1, 1, 2], [(100, 300), (500, 700)]) == [(100, 200), (200, 300), (500, 700)]


def test_a_word_may_span_a_gap() -> None:
    assert words.spread([3, 1], [(0, 100), (200, 300)]) == [(0, 250), (250, 300)]
