"""The hint policy, whatever the signals say: a hint that breaks it is a failing test."""

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.session_pb2 import Hint
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.fold import Fold
from services.aggregator.policy import HintPolicy, Trigger
from tests.services.aggregator.streams import (
    SECOND,
    SESSION,
    START_US,
    Message,
    ask,
    closing,
    face,
    in_order,
    opening,
    pause,
    resume,
    sessions,
    voice,
)

ANSWER_US = 60 * SECOND
SILENT = {"silence"}


def check(hints: list[Hint], answers_us: list[int]) -> None:
    """Every rule of the policy, by the design's own figures."""
    times = [hint.header.capture_time_us for hint in hints]
    for before, after, hint in zip(times, times[1:], hints, strict=False):
        assert after - before >= 20 * SECOND
        assert before + hint.show_ms * 1000 <= after  # one on screen
    for hint, at in zip(hints, times, strict=True):
        assert 2_500 <= hint.show_ms <= 3_500
        assert hint.confidence >= 0.85 - 1e-6
        assert 1 <= len(hint.text.split()) <= 3
        assert hint.icon
        started = max(start for start in answers_us if start <= at)
        assert at - started >= 15 * SECOND or hint.trigger in SILENT
    for start, end in zip(
        answers_us, [*answers_us[1:], times[-1] + 1 if times else 0], strict=True
    ):
        assert sum(start <= at < end for at in times) <= 2
    for count in range(len(hints) + 1):
        shown = hints[:count]
        corrections = sum(not hint.positive for hint in shown)
        praise = sum(hint.positive and hint.trigger not in SILENT for hint in shown)
        assert praise >= corrections


@st.composite
def triggers(draw: st.DrawFn, at_us: int) -> Trigger:
    silent = draw(st.booleans())
    return Trigger(
        name="silence" if silent else draw(st.sampled_from(["pace", "eyes", "hands"])),
        text=" ".join(["word"] * draw(st.integers(1, 5))),
        icon="icon",
        positive=silent or draw(st.booleans()),
        confidence=draw(st.floats(0, 1)),
        at_us=at_us,
        source=Kind.KIND_VOICE,
        when_silent=silent,
    )


@st.composite
def moments(draw: st.DrawFn) -> list[list[Trigger]]:
    """What holds each time that the policy is asked, at growing times."""
    steps = draw(st.lists(st.integers(SECOND // 2, 12 * SECOND), min_size=5, max_size=60))
    at_us, made = START_US, []
    for step in steps:
        at_us += step
        made.append(draw(st.lists(triggers(at_us), min_size=1, max_size=4)))
    return made


@given(moments())
def test_no_stream_of_triggers_breaks_the_policy(asked: list[list[Trigger]]) -> None:
    policy, hints, answers = HintPolicy(SESSION), [], [START_US]
    policy.begin_answer("first", START_US)
    for found in asked:
        at_us = found[0].at_us
        if at_us - answers[-1] > ANSWER_US:
            answers.append(at_us)
            policy.begin_answer("next", at_us)
        if hint := policy.decide(found):
            hints.append(hint)
    check(hints, answers)
    assert [hint.header.sequence for hint in hints] == list(range(len(hints)))


@settings(max_examples=60)
@given(sessions())
def test_no_stream_of_signals_breaks_the_policy(stream: list[Message]) -> None:
    fold = Fold(SESSION)
    hints = [hint for message in stream if (hint := fold.take(message))]
    check(hints, sorted(asked.start_us for asked in fold.state.asked))
    assert hints == fold.state.hints


@settings(max_examples=20)
@given(sessions(live_hints=False))
def test_no_live_hints_means_none(stream: list[Message]) -> None:
    assert not hints_of(stream)


def hints_of(stream: list[Message]) -> list[Hint]:
    fold = Fold(SESSION)
    return [hint for message in stream if (hint := fold.take(message))]


def trigger(at_s: float, *, positive: bool, silent: bool = False, sure: float = 0.9) -> Trigger:
    at_us = START_US + round(at_s * SECOND)
    return Trigger("name", "Text", "icon", positive, sure, at_us, Kind.KIND_FACE, silent)


def policy() -> HintPolicy:
    made = HintPolicy(SESSION)
    made.begin_answer("question", START_US)
    return made


def test_a_correction_waits_for_praise() -> None:
    made = policy()
    assert made.decide([trigger(16, positive=False)]) is None
    assert made.decide([trigger(17, positive=True)])
    assert made.decide([trigger(37, positive=False)])


def test_take_your_time_pays_for_no_correction() -> None:
    made = policy()
    assert made.decide([trigger(9, positive=True, silent=True)])
    assert made.decide([trigger(30, positive=False)]) is None


def test_a_correction_comes_before_more_praise() -> None:
    made = policy()
    assert made.decide([trigger(16, positive=True)])
    chosen = made.decide([trigger(40, positive=True, sure=1), trigger(40, positive=False)])
    assert chosen
    assert not chosen.positive


def test_praise_counts_beyond_the_answer_in_which_it_was_shown() -> None:
    made = policy()
    assert made.decide([trigger(16, positive=True)])
    made.begin_answer("next", START_US + 60 * SECOND)
    assert made.decide([trigger(76, positive=False)])


@pytest.mark.parametrize("at_s", [14.9, 15.0])
def test_the_first_fifteen_seconds_are_quiet(at_s: float) -> None:
    assert bool(policy().decide([trigger(at_s, positive=True)])) == (at_s >= 15)


def test_no_hint_without_a_question_or_after_the_end() -> None:
    made = HintPolicy(SESSION)
    assert made.decide([trigger(30, positive=True)]) is None
    made.begin_answer("question", START_US)
    made.end_answer()
    assert made.decide([trigger(30, positive=True)]) is None


def test_a_whole_answer_gets_praise_then_a_correction() -> None:
    """Good eye contact first, then looking away: through the fold, with face states as the
    camera gives them at 15 frames a second."""

    def stream(*, live_hints: bool) -> list[Message]:
        return in_order(
            [
                *opening(live_hints=live_hints),
                *voice(0, 60),
                *face(0, 20, eye_contact=0.95),
                *face(20, 60, eye_contact=0.0),
            ]
        )

    hints = hints_of(stream(live_hints=True))
    assert [hint.trigger for hint in hints] == ["good_eye_contact", "look_up"]
    assert not hints_of(stream(live_hints=False))


def test_no_hint_while_the_practice_is_paused_and_a_fresh_window_after() -> None:
    stream = in_order(
        [*opening(), *voice(0, 60), *face(0, 60, eye_contact=0.95), pause(10), resume(40)]
    )
    fold = Fold(SESSION)
    hints = [hint for message in stream if (hint := fold.take(message))]
    first = hints[0].header.capture_time_us - START_US
    assert first >= 40 * SECOND + 6 * SECOND


def test_hints_after_the_session_closed_are_none() -> None:
    fold = Fold(SESSION)
    for message in [*opening(), *closing(1), ask(2), *voice(2, 60, speech=0.0)]:
        assert fold.take(message) is None
