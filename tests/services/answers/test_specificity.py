from hypothesis import given
from hypothesis import strategies as st

from services.answers.specificity import ownership, specificity, vagueness
from services.answers.text import MIN_WORDS
from tests.services.answers.speaking import GOOD_STORY, say

VAGUE_STORY = (
    "There was some stuff that somehow went wrong with various things, and basically someone "
    "did something about everything, and usually that kind of thing is fine or whatever."
)


def test_numbers_and_names_are_specific() -> None:
    concrete, vague = specificity(say(GOOD_STORY)), specificity(say(VAGUE_STORY))
    assert concrete is not None
    assert vague is not None
    assert concrete > 0.5 > vague


def test_placeholders_are_vague() -> None:
    concrete, vague = vagueness(say(GOOD_STORY)), vagueness(say(VAGUE_STORY))
    assert concrete is not None
    assert vague is not None
    assert vague > 0.8 > 0.2 > concrete


def test_names_and_digits_raise_specificity() -> None:
    plain = "we moved the old system to a new provider over the summer and then it was faster"
    named = "we moved the old system to a new Hetzner box over 2 summers and Postgres was faster"
    assert (specificity(say(named)) or 0) > (specificity(say(plain)) or 0)


def test_ownership_is_the_share_of_i() -> None:
    assert ownership(say("I wrote it and I tested it, then we shipped")) == 2 / 3
    assert ownership(say("we did it together for our customers")) == 0
    assert ownership(say("the plan was good")) is None


def test_few_words_say_nothing_about_style() -> None:
    few = say("word " * (MIN_WORDS - 1))
    assert specificity(few) is None
    assert vagueness(few) is None


@given(st.text(max_size=400))
def test_every_measure_is_a_share_or_unknown(text: str) -> None:
    words = say(text)
    for measure in (specificity(words), vagueness(words), ownership(words)):
        assert measure is None or 0 <= measure <= 1
