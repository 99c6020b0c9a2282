"""What is worth a nudge: each trigger on signals that ask for it, and on those that do not."""

from collections.abc import Sequence

import pytest
from greenroom.v1.signals_pb2 import GestureEvent, VoiceEvent

from services.aggregator.policy import MIN_CONFIDENCE
from services.aggregator.triggers import triggers
from tests.services.aggregator.streams import (
    QUESTION,
    Message,
    ask,
    face,
    fold,
    hands,
    happened,
    opening,
    pause,
    resume,
    speech,
    voice,
)


def sure(messages: Sequence[Message]) -> set[str]:
    """The triggers that hold at the end, certain enough for a hint."""
    state = fold([*opening(), *messages]).state
    return {found.name for found in triggers(state) if found.confidence >= MIN_CONFIDENCE}


def fillers(count: int, sure: float = 0.95) -> list[Message]:
    event = VoiceEvent(type=VoiceEvent.FILLED_PAUSE)
    return [happened(event, 10 + 2 * number, sure=sure) for number in range(count)]


def fidget(start_s: float, end_s: float) -> Message:
    return happened(GestureEvent(type=GestureEvent.FIDGET), start_s, end_s, 0.95)


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("silence", voice(0, 10, speech=0.0, loudness_dbfs=-60.0)),
        ("slow_down", [speech(0, 230, 76), *voice(0, 20)]),
        ("more_pace", [speech(0, 70, 23), *voice(0, 20)]),
        ("good_pace", [speech(0, 140, 46), *voice(0, 20)]),
        ("speak_up", voice(0, 10, loudness_dbfs=-50.0)),
        ("fillers", [*voice(0, 20), *fillers(5)]),
        ("look_up", [*voice(0, 10), *face(0, 10, eye_contact=0.0)]),
        ("good_eye_contact", [*voice(0, 10), *face(0, 10, eye_contact=1.0)]),
        ("steady_hands", [*hands(0, 10), fidget(2, 10)]),
        ("hands_down", hands(0, 10, self_touch=1.0)),
        ("wrap_up", voice(0, 140)),
    ],
)
def test_what_asks_for_a_nudge_gets_it(name: str, messages: list[Message]) -> None:
    assert name in sure(messages)


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("silence", voice(0, 10, speech=0.3)),
        ("silence", voice(0, 10, speech=0.0, digital_silence=True)),
        ("silence", voice(0, 5, speech=0.0)),
        ("slow_down", [speech(0, 170, 56), *voice(0, 20)]),
        ("slow_down", [speech(12, 230, 10), *voice(0, 20)]),
        ("more_pace", [speech(0, 140, 14), speech(14, 140, 14), *voice(0, 20)]),
        ("speak_up", voice(0, 10, loudness_dbfs=-35.0)),
        ("fillers", [*voice(0, 20), *fillers(3)]),
        ("fillers", [*voice(0, 20), *fillers(5, sure=0.6)]),
        ("look_up", [*voice(0, 10, speech=0.0), *face(0, 10, eye_contact=0.0)]),
        ("look_up", [*voice(0, 10), *face(0, 10)]),
        ("look_up", [*voice(0, 10), *face(0, 4, eye_contact=0.0)]),
        ("good_eye_contact", [*voice(0, 10), *face(0, 10, eye_contact=0.5)]),
        ("steady_hands", [*hands(0, 10), fidget(2, 5)]),
        ("steady_hands", [*hands(0, 10), fidget(5, 8), fidget(5.1, 8)]),
        ("hands_down", hands(0, 10, self_touch=0.4)),
        ("wrap_up", voice(0, 120)),
    ],
)
def test_what_does_not_ask_for_it_gets_none(name: str, messages: list[Message]) -> None:
    assert name not in sure(messages)


def test_nothing_is_said_without_signals() -> None:
    assert not sure([])


def test_a_new_question_starts_a_fresh_window() -> None:
    spoken = [*voice(0, 20), *fillers(5)]
    assert "fillers" in sure(spoken)
    assert "fillers" not in sure([*spoken, ask(20, QUESTION.id, 1), *voice(20, 22)])


def test_what_was_paused_is_not_looked_at() -> None:
    assert "good_eye_contact" not in sure(
        [*voice(0, 20), *face(0, 20, eye_contact=1.0), pause(5), resume(16)]
    )


def test_a_pause_is_no_part_of_the_answer_s_time() -> None:
    assert "wrap_up" not in sure([*voice(0, 30), pause(30), resume(90), *voice(90, 140)])
