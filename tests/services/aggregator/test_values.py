"""Measures of a stretch: never a figure from nothing."""

import math

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import MeasureValue, Report
from greenroom.v1.signals_pb2 import FaceEvent, GestureEvent, Signal, VoiceEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator import reasons
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    Message,
    ask,
    closing,
    evaluated,
    face,
    hands,
    happened,
    opening,
    pause,
    report,
    resume,
    sessions,
    speech,
    voice,
)

OF = {
    Kind.KIND_FACE: ("eye_contact", "smile", "frown", "blink_rate", "looking_away", "nods",
                     "brief_movements", "face_in_view"),
    Kind.KIND_GESTURE: ("hands_in_view", "movement", "gesture_rate", "fidgeting", "self_touch",
                        "pointing"),
    Kind.KIND_VOICE: ("speech_rate", "articulation_rate", "pause_rate", "pause_mean",
                      "filled_pauses", "pitch_variation", "pitch_median", "loudness_variation",
                      "loudness", "breaths", "phonation_ratio", "mean_run", "words",
                      "answer_time", "response_delay", "eye_contact"),
    Kind.KIND_ANSWERS: ("relevance", "completeness", "specificity", "ownership", "vagueness",
                        "filler_words", "disfluencies", "star_parts"),
}  # fmt: skip
"""Measures that need a kind's signals."""


def values(got: Report) -> dict[str, MeasureValue]:
    return {found.measure: found for found in got.measures}


def number(messages: list[Message], measure: str) -> float | None:
    found = values(report([*opening(), *messages, *closing(60)]))[measure]
    return found.value if found.HasField("value") else None


def why(messages: list[Message], measure: str) -> str:
    return values(report([*opening(), *messages, *closing(60)]))[measure].not_seen


def well_formed(found: MeasureValue) -> None:
    assert found.HasField("value") != bool(found.not_seen), found
    assert found.unit == MEASURES[found.measure].unit
    if found.HasField("value"):
        assert math.isfinite(found.value)
    if found.HasField("low"):
        assert found.low <= found.value <= found.high
    if found.unit == "%" and found.HasField("value"):
        assert -0.001 <= found.value <= 100.001
    if found.unit in ("/min", "s", "words/min", "semitones") and found.HasField("value"):
        assert found.value >= 0


@settings(deadline=None, max_examples=80)
@given(sessions(), st.sets(st.sampled_from(list(OF))))
def test_what_no_signal_speaks_of_is_not_seen(
    stream: list[Message], missing: set[Kind.ValueType]
) -> None:
    left = [m for m in stream if not (isinstance(m, Signal) and m.kind in missing)]
    got = report(left)
    for part in (got, *got.questions):
        for found in part.measures:  # type: ignore[attr-defined]
            well_formed(found)
            if any(found.measure in OF[kind] for kind in missing):
                assert not found.HasField("value"), found


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2))
def test_an_empty_session_claims_nothing(questions: int) -> None:
    asked = [ask(10 * number, attempt=number) for number in range(questions)]
    got = report([*opening(), *asked, *closing(60)])
    assert not any(found.HasField("value") for found in got.measures)
    assert not any(score.HasField("value") for score in got.scores)
    assert not got.strengths
    assert not got.weaknesses
    assert not got.series


AWAY = [*face(0, 10, eye_contact=1.0), *face(10, 20, eye_contact=0.0)]
TALK = [speech(0, 150, 75), *voice(0, 30, f0_hz=120.0)]


@pytest.mark.parametrize(
    ("measure", "messages", "expected"),
    [
        ("speech_rate", TALK, 150),
        ("words", TALK, 75),
        ("phonation_ratio", voice(0, 30, speech=0.6), 60),
        ("eye_contact", [*voice(0, 20), *AWAY], 50),
        ("eye_contact", [*voice(0, 10), *voice(10, 20, speech=0.0), *AWAY], 100),
        ("face_in_view", [*face(0, 10), *face(10, 20, frames_with_face=0)], 50),
        ("hands_in_view", [*hands(0, 10), *hands(10, 40, hands=0.0)], 25),
        ("pitch_median", TALK, 120),
        ("pitch_variation", [*voice(0, 10, f0_hz=100.0), *voice(10, 20, f0_hz=200.0)], 6),
        ("self_touch", hands(0, 20, self_touch=0.25), 25),
        ("response_delay", [*voice(0, 30), speech(4, 120, 40)], 4),
        ("answer_time", TALK, 60),
        ("completeness", [*TALK, evaluated(30, completeness=0.5)], 50),
    ],
)  # fmt: skip
def test_a_figure_is_what_it_says(measure: str, messages: list[Message], expected: float) -> None:
    assert number(messages, measure) == pytest.approx(expected, rel=0.02)


def test_events_count_by_minutes_in_which_they_could_be_seen() -> None:
    blinks = [happened(FaceEvent(type=FaceEvent.BLINK), at) for at in range(1, 11)]
    seen = [*face(0, 30), *face(30, 60, frames_with_face=0), *blinks]
    assert number(seen, "blink_rate") == pytest.approx(20, rel=0.02)


def test_two_hands_that_fidget_at_once_count_once() -> None:
    fidget = GestureEvent(type=GestureEvent.FIDGET)
    both = [happened(fidget, 5, 15), happened(fidget, 5.01, 15)]
    assert number([*hands(0, 20), *both], "fidgeting") == pytest.approx(50, rel=0.02)


def test_pauses_over_two_seconds_are_not_in_the_pace() -> None:
    assert number([speech(0, 120, 10), speech(15, 120, 10), *voice(0, 30)], "speech_rate") == (
        pytest.approx(120, rel=0.02)
    )


def test_one_blink_in_three_seconds_is_not_twenty_a_minute() -> None:
    short = [*face(0, 4), happened(FaceEvent(type=FaceEvent.BLINK), 1)]
    assert number(short, "blink_rate") is None
    assert why(short, "blink_rate") == reasons.TOO_SHORT


def level(detail: str) -> Message:
    return happened(VoiceEvent(type=VoiceEvent.LEVEL, detail=detail), 1)


@pytest.mark.parametrize(
    ("measure", "messages", "expected"),
    [
        ("blink_rate", [], reasons.NO_CAMERA),
        ("hands_in_view", [], reasons.NO_CAMERA),
        ("blink_rate", face(0, 20, frames_with_face=0), reasons.NO_FACE),
        ("movement", hands(0, 20, hands=0.0), reasons.NO_HANDS),
        ("speech_rate", [], reasons.NO_MICROPHONE),
        ("speech_rate", voice(0, 20), reasons.NO_TEXT),
        ("words", voice(0, 20, speech=0.0), reasons.NO_VOICE),
        ("pause_rate", voice(0, 20, speech=0.0, digital_silence=True), reasons.SILENT_MICROPHONE),
        ("eye_contact", face(0, 20), reasons.NOT_CALIBRATED),
        ("eye_contact", face(0, 20, eye_contact=1.0), reasons.NO_MICROPHONE),
        ("pause_mean", voice(0, 20), reasons.NO_PAUSE),
        ("relevance", TALK, reasons.NO_TEXT),
        ("completeness", [*TALK, evaluated(30)], reasons.NO_POINTS),
        ("loudness_variation", [*voice(0, 20), level("automatic_gain")], reasons.AUTOMATIC_GAIN),
    ],
)
def test_what_was_not_seen_says_why(measure: str, messages: list[Message], expected: str) -> None:
    assert number(messages, measure) is None
    assert why(messages, measure) == expected


def test_what_happens_in_a_pause_is_not_measured() -> None:
    away = [*voice(0, 60), *face(0, 20, eye_contact=1.0), *face(20, 60, eye_contact=0.0)]
    assert number([*away, pause(20), resume(60)], "eye_contact") == 100


def test_a_measure_of_answers_is_their_mean_by_words() -> None:
    two = [
        *voice(0, 60), speech(0, 120, 10), speech(30, 120, 30), ask(25, attempt=1),
        evaluated(20, relevance=0.0), evaluated(50, relevance=1.0, attempt=1),
    ]  # fmt: skip
    assert number(two, "relevance") == pytest.approx(75)
    assert number(two, "answer_time") == pytest.approx((25 + 35) / 2)


def test_an_answer_without_a_voice_takes_no_time() -> None:
    got = report([*opening(), *face(0, 20), *closing(60)])
    assert not got.questions[0].HasField("response_delay_ms")
    assert not values(got)["answer_time"].HasField("value")
