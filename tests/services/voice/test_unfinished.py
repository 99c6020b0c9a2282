"""Words of an unfinished utterance are settled, and what follows is looked for behind them."""

import numpy as np
import pytest

from services.runtime import models
from services.voice.filled_pauses import Heard
from services.voice.hearing import Hearing, hear
from services.voice.unfinished import MAX_LOOK, SETTLED_BEFORE, Unfinished
from services.voice.utterances import Utterance
from training.voice import texts
from training.voice.sound import load

SECOND = 16_000


def utterance(seconds: float, start: int = 5 * SECOND) -> Utterance:
    samples = np.zeros(int(seconds * SECOND), np.int16)
    stretch = (start, start + len(samples))
    return Utterance(7, start, SECOND // 2, samples, (stretch,), 0, final=False, at_pause=False)


def hearing(*starts: float) -> Hearing:
    """A word of two tokens at each of these seconds, 0.3 s long."""
    words = [
        Heard(f"w{i}", int(start * SECOND), int((start + 0.3) * SECOND), 0.9, False)
        for i, start in enumerate(starts)
    ]
    tokens = [token for i in range(len(words)) for token in (10 * i, 10 * i + 1)]
    return Hearing(tokens, [2 * i for i in range(len(words))], words, [])


def test_nothing_is_settled_of_a_short_utterance() -> None:
    short = utterance(MAX_LOOK / SECOND)
    known = Unfinished(7).after(short, hearing(0.6, 1.0, 1.4))
    assert known.settled == ()
    assert known.draft == [0, 1, 10, 11, 20, 21]
    assert known.rest(short) == short


def test_a_long_one_is_split_in_its_widest_gap() -> None:
    long = utterance(5.0)
    heard = hearing(0.6, 1.0, 2.8, 3.3, 3.7, 4.4)
    known = Unfinished(7).after(long, heard)
    assert [word.text for word in known.settled] == ["w0", "w1"]
    assert known.settled[0].start == long.start + int(0.6 * SECOND)
    assert known.place == long.start + int((1.3 + 2.8) / 2 * SECOND)
    assert known.draft == heard.tokens
    assert known.tokens == tuple(heard.tokens[4:])
    rest = known.rest(long)
    assert rest.start + rest.text_from == known.place
    assert len(rest.samples) - rest.text_from >= SETTLED_BEFORE


def test_the_next_look_goes_on_behind_the_settled_words() -> None:
    known = Unfinished(7).after(utterance(5.0), hearing(0.6, 1.0, 2.8, 3.3, 3.7, 4.4))
    longer = known.rest(utterance(5.6))
    again = hearing(2.8, 3.3, 3.7, 4.4, 5.0)
    assert [word.text for word in known.words(longer, again)] == ["w0", "w1"] + [
        f"w{i}" for i in range(5)
    ]
    assert known.after(longer, again).draft == [0, 1, 10, 11, *again.tokens]


def test_no_words_settle_nothing() -> None:
    known = Unfinished(7).after(utterance(5.0), Hearing([], [], [], []))
    assert known == Unfinished(7)


def test_looks_together_say_what_one_look_says() -> None:
    samples = load(models.path("voice", "speech_two_cities"))[: 9 * SECOND]
    known = Unfinished(1)
    said: list[Heard] = []
    for end in range(SECOND, len(samples) + 1, SECOND):
        part = Utterance(1, 0, 0, samples[:end], ((0, end),), 0, final=False, at_pause=False)
        rest = known.rest(part)
        found = hear(rest, list(known.tokens))
        said = known.words(rest, found)
        known = known.after(rest, found)
    assert known.place > 5 * SECOND
    once = hear(
        Utterance(1, 0, 0, samples, ((0, len(samples)),), 0, final=False, at_pause=False), []
    )
    wanted = texts.words(" ".join(word.text for word in once.words))
    got = texts.words(" ".join(word.text for word in said))
    assert texts.errors(wanted, got, open_start=False, open_end=False) <= 0.15 * len(wanted)
    starts = [word.start for word in said]
    assert starts == sorted(starts)
    assert starts[-1] == pytest.approx(once.words[-1].start, abs=SECOND // 10)
