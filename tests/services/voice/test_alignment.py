import numpy as np
import pytest

from services.runtime import models
from services.voice import alignment, transcriber
from services.voice.alignment import LETTERS, SILENCE, Scores
from services.voice.transcriber import ENCODER_STEP
from training.voice.sound import load


def scores(text: str) -> Scores:
    """Sure scores of a text with one sign for each frame, - for silence."""
    found = np.full((len(text), 1 + len(LETTERS)), -6.0, np.float32)
    for frame, sign in enumerate(text):
        found[frame, SILENCE if sign == "-" else LETTERS.index(sign) + 1] = -0.1
    return found


def places(text: str, words: list[str]) -> list[tuple[int, int]] | None:
    found = alignment.align(scores(text), words)
    return found and [(start // ENCODER_STEP, end // ENCODER_STEP) for start, end in found]


def test_words_are_found_where_their_letters_are() -> None:
    assert places("--sso--iit---", ["So", "it"]) == [(2, 5), (7, 10)]


def test_words_without_silence_between_are_told_apart() -> None:
    assert places("-ggoooon-", ["go", "on"]) == [(1, 6), (6, 8)] or places(
        "-ggoooon-", ["go", "on"]
    ) == [(1, 4), (4, 8)]


def test_a_silent_letter_is_passed_over() -> None:
    assert places("-nnoo--", ["know"]) == [(1, 5)]


def test_a_word_of_one_letter_keeps_a_frame() -> None:
    found = places("--goon-", ["go", "a", "on"])
    assert found
    assert found[1][1] > found[1][0]


def test_too_many_words_for_the_sound() -> None:
    assert alignment.align(scores("--"), ["everything", "everywhere"]) is None


def test_no_words() -> None:
    assert alignment.align(scores("----"), []) == []


def test_real_words_begin_where_they_are_heard() -> None:
    """beckett.wav: ever tried, ever failed, no matter, with clear silences between."""
    signal = np.asarray(load(models.path("voice", "speech_beckett")) / 32768, np.float32)
    states = transcriber.encode(signal[: int(4.6 * 16_000)])
    words = ["Ever", "tried.", "Ever", "failed.", "No", "matter."]
    found = alignment.align(alignment.letter_scores(states), words)
    assert found
    starts = [start / 16_000 for start, _ in found]
    assert starts[0] == pytest.approx(0.35, abs=0.12)
    assert starts[2] == pytest.approx(1.9, abs=0.12)
    assert starts[4] == pytest.approx(3.5, abs=0.12)
    assert starts == sorted(starts)


def test_silence_of_a_place_is_its_mean_probability() -> None:
    given = np.log(np.full((10, 28), 0.01, np.float32))
    given[4:6, SILENCE] = np.log([0.2, 0.6])
    step = ENCODER_STEP
    assert alignment.silence(given, 4 * step, 6 * step) == pytest.approx(0.4)
    assert alignment.silence(given, 5 * step, 5 * step) == pytest.approx(0.6)
    assert alignment.silence(given, 99 * step, 99 * step) == pytest.approx(0.01)
