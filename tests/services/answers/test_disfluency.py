from itertools import pairwise

import pytest
from greenroom.v1.signals_pb2 import DisfluencySpan, Word
from hypothesis import given
from hypothesis import strategies as st

from services.answers.disfluency import disfluencies
from tests.services.answers.speaking import say

FILLER, REPETITION = DisfluencySpan.FILLER, DisfluencySpan.REPETITION
REPAIR, HEDGE = DisfluencySpan.REPAIR, DisfluencySpan.HEDGE


def found(text: str) -> list[tuple[int, str]]:
    return [(each.type, each.span.quote) for each in disfluencies(say(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So um we started uh late", [(FILLER, "um"), (FILLER, "uh")]),
        ("It was, you know, hard", [(FILLER, "you know,")]),
        ("It was like really hard", [(FILLER, "like")]),
        ("we we started late", [(REPETITION, "we")]),
        ("I went to I went to the office", [(REPETITION, "I went to")]),
        ("we met on Monday no wait Tuesday", [(REPAIR, "no wait")]),
        ("the red I mean the blue one", [(REPAIR, "I mean")]),
        ("What I mean who was it", [(REPAIR, "I mean")]),
        ("sales went down, or rather up", [(REPAIR, "or rather")]),
        ("we hired five sorry six people", [(REPAIR, "sorry")]),
        ("it took two weeks no the whole month", [(REPAIR, "no")]),
        ("in the Paris office actually the London office", [(REPAIR, "actually")]),
        ("we rel- released it", [(REPAIR, "rel-")]),
        ("we rel-- released it", [(REPAIR, "rel--")]),
        ("It took like 20 minutes", [(FILLER, "like")]),
        (
            "It was, kind of, late. You know, too late",
            [(FILLER, "kind of,"), (FILLER, "You know,")],
        ),
        ("What? Kind of.", [(FILLER, "Kind of.")]),
        ("maybe it was too late", [(HEDGE, "maybe")]),
        ("I think it helped", [(HEDGE, "I think")]),
    ],
)
def test_what_is_found(text: str, expected: list[tuple[int, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I would rather wait for the results",
        "I told the customer that I was sorry about it",
        "there was no way to know",
        "we said no and they agreed",
        "I like the work and it looks like a good team",
        "it was very very hard",
        "he was a rather quiet man",
        "it took longer rather than shorter",
        "the plan was actually the best we had",
        "Actually the plan was good",
    ],
)
def test_fluent_speech_has_no_repair(text: str) -> None:
    assert REPAIR not in {kind for kind, _ in found(text)}


@pytest.mark.parametrize(
    "text",
    [
        "what kind of system is it",
        "this kind of problem",
        "we had a sort of plan",
        "we use tools like Kafka",
        "it seemed like a good plan",
        "something like 20 percent",
        "it is for people like us",
        "Do you know the answer?",
        "We asked if you know it",
        "It failed. Actually, we fixed it.",
        "It failed. Actually, the team fixed it.",
        "I told him no. The plan was good",
        "Did it work? No. It failed.",
        "Did it work? No, it failed.",
        "that is what I mean by ownership",
        "What I mean is that it works",
        "if you know what I mean. It failed",
        "would you rather stay",
        "I’m sorry",
    ],
)
def test_ordinary_words_are_no_disfluency(text: str) -> None:
    assert found(text) == []


def test_a_filler_of_the_transcript_counts_whatever_its_letters() -> None:
    word = Word(text="aah", start_us=0, end_us=1, filler=True)
    assert [each.type for each in disfluencies([word])] == [FILLER]


WORDS = st.sampled_from(
    ["um", "no", "wait", "sorry", "I", "mean", "the", "rather", "or", "like", "maybe", "rel-", "."]
)


@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=200))
def test_spans_are_in_order_and_do_not_overlap(text: str) -> None:
    spans = [each.span for each in disfluencies(say(text))]
    for before, after in pairwise(spans):
        assert before.end_us <= after.start_us
    assert all(span.quote in " ".join(text.split()) for span in spans)
