"""Measures of a stretch: never a figure from nothing."""

import math

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import MeasureValue, Report
from greenroom.v1.session_pb2 import Question, SessionStarted
from greenroom.v1.signals_pb2 import DisfluencySpan, FaceEvent, GestureEvent, Signal, VoiceEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator import reasons
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    QUESTION,
    Message,
    ask,
    closing,
    evaluated,
    event,
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


@settings(max_examples=80)
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


@settings(max_examples=30)
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


def test_of_few_frames_a_second_nothing_brief_is_counted() -> None:
    """At five a second half the blinks fall between two frames."""
    blinks = [happened(FaceEvent(type=FaceEvent.BLINK), at) for at in range(1, 11)]
    slow = [*face(0, 30, frames=1, frames_with_face=1), *blinks]
    for measure in ("blink_rate", "nods", "brief_movements"):
        assert why(slow, measure) == reasons.FEW_FRAMES
    assert number(slow, "face_in_view") == 100


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


def test_a_count_in_a_hundred_words_is_as_sure_as_its_words_are_many() -> None:
    def fillers(count: int) -> list[DisfluencySpan]:
        return [DisfluencySpan(type=DisfluencySpan.FILLER) for _ in range(count)]

    short = [*voice(0, 60), speech(0, 120, 20), evaluated(20, words=20, disfluencies=fillers(1))]
    got = values(report([*opening(), *short, *closing(60)]))
    assert (got["filler_words"].value, got["filler_words"].low) == (5, 0)
    assert got["filler_words"].high == pytest.approx(5 + 1.96 * 5)
    assert got["disfluencies"].high == pytest.approx(1.96 * 5), "none heard, but few were said"
    second: list[Message] = [
        ask(25, attempt=1),
        speech(30, 120, 40),
        evaluated(50, words=40, attempt=1, disfluencies=fillers(3)),
    ]
    pooled = values(report([*opening(), *short, *second, *closing(60)]))["filler_words"]
    assert pooled.value == pytest.approx(100 * 4 / 60, abs=0.01)
    assert pooled.high == pytest.approx(pooled.value * (1 + 1.96 / 2), abs=0.01), "four of them"


def paused(*lengths: float) -> list[Message]:
    """Half a minute of speech with pauses of these lengths, 8 s apart."""
    pause_ = VoiceEvent(type=VoiceEvent.PAUSE)
    made = [happened(pause_, 2 + 8 * n, 2 + 8 * n + length) for n, length in enumerate(lengths)]
    return [*opening(), *voice(0, 30), speech(0, 120, 50), *made, *closing(30)]


def test_the_mean_of_few_pauses_is_not_called_sure() -> None:
    for lengths in ((3.0,), (3.0, 3.0)):
        got = report(paused(*lengths))
        found = values(got)["pause_mean"]
        assert (found.value, found.HasField("low")) == (3, False)
        ids = [made.id for part in (got, *got.questions) for made in part.suggestions]  # type: ignore[attr-defined]
        ids += [claim.id for claim in got.weaknesses]
        assert not [each for each in ids if each.startswith("pause_mean")]
        assert not [s for s in got.scores if "pause_mean" in s.contributions]
    spread = values(report(paused(2.0, 3.0, 4.0)))["pause_mean"]
    assert spread.low == pytest.approx(3 - 1.96 / math.sqrt(3), abs=0.001)
    assert spread.high == pytest.approx(3 + 1.96 / math.sqrt(3), abs=0.001)
    assert "pause_mean-high" in {claim.id for claim in report(paused(3.0, 3.1, 3.2)).weaknesses}


def test_a_run_of_words_ends_with_its_answer() -> None:
    def answer(at: int) -> list[Message]:
        between = happened(VoiceEvent(type=VoiceEvent.PAUSE), at + 15, at + 20.5)
        within = happened(VoiceEvent(type=VoiceEvent.PAUSE), at + 7.5, at + 8)
        said = [speech(at, 120, 15), speech(at + 8, 128, 15)]
        return [ask(at, attempt=at), *voice(at, at + 15), *said, within, between]

    five = [message for number in range(5) for message in answer(20 * (number + 1))]
    got = report([*opening(), *five, *closing(120)])
    assert values(got)["mean_run"].value == 15
    assert [m.value for q in got.questions for m in q.measures if m.measure == "mean_run"] == [
        0, 15, 15, 15, 15, 15,
    ]  # fmt: skip


def test_silence_between_answers_and_while_paused_is_no_pause_in_speech() -> None:
    def silence(start_s: float, end_s: float) -> Message:
        return happened(VoiceEvent(type=VoiceEvent.PAUSE), start_s, end_s)

    got = report(
        [
            *opening(),
            *voice(0, 20),
            silence(5, 5.5),
            silence(18, 34),  # until the next question was heard and thought about
            ask(30, attempt=1),
            *voice(34, 60),
            silence(40, 40.5),
            silence(45, 56),  # with a pause of the practice in it
            pause(46),
            resume(55),
            *closing(60),
        ]
    )
    assert values(got)["pause_mean"].value == pytest.approx(0.5)
    for question in got.questions:
        (mean,) = [m.value for m in question.measures if m.measure == "pause_mean"]
        assert mean == pytest.approx(0.5)
    (plotted,) = [series for series in got.series if series.measure == "pause_mean"]
    assert [round(value, 1) for value in plotted.value] == [0.5, 0.5]


def test_what_was_set_up_or_paused_is_not_told_as_missing() -> None:
    def away(start_s: float, end_s: float) -> Message:
        return happened(FaceEvent(type=FaceEvent.FACE_LOST), start_s, end_s)

    before = [event(0, started=SessionStarted(questions=[QUESTION])), away(1, 4)]
    during = [*face(10, 30), pause(30), away(30, 40), resume(40), *face(40, 60)]
    got = report([*before, ask(10), *during, *closing(60)])
    (covered,) = [each for each in got.coverage if each.kind == Kind.KIND_FACE]
    assert (covered.note, covered.share) == ("", 1.0)
    assert not [moment for moment in got.moments if moment.type == "face_lost"]
    got = report([*before, ask(10), *during, away(50, 52), *closing(60)])
    (covered,) = [each for each in got.coverage if each.kind == Kind.KIND_FACE]
    assert covered.note == "Your face was out of view once."


def test_no_drill_makes_worse_what_it_is_for() -> None:
    """Of a pitch that moves too much already nobody is told to let it move more."""
    lively = [
        message
        for at in range(0, 60, 2)
        for message in voice(at, at + 2, f0_hz=100.0 if at % 4 else 220.0)
    ]
    got = report([*opening(), *lively, speech(0, 120, 100), *closing(60)])
    assert values(got)["pitch_variation"].value > 6
    assert "pitch_variation" not in {suggestion.id for suggestion in got.suggestions}
    flat = [*opening(), *voice(0, 60, f0_hz=120.0), speech(0, 120, 100), *closing(60)]
    assert "pitch_variation" in {suggestion.id for suggestion in report(flat).suggestions}


def test_who_practised_without_a_camera_is_not_told_to_be_seen() -> None:
    got = report([*opening(), *voice(0, 60, f0_hz=120.0), speech(0, 120, 100), *closing(60)])
    assert not {"face_in_view", "hands_in_view"} & {made.id for made in got.suggestions}


@pytest.mark.parametrize("seconds", [20, 90, 240])
def test_an_answers_length_is_judged_once(seconds: int) -> None:
    """By the question's own length where it has one, else by what is usual."""
    for wanted in (0, 30, 120):
        question = Question(id="own", text="Why us?", seconds=wanted)
        got = report(
            [
                *opening([question]),
                *voice(0, seconds),
                speech(0, 120, 2 * seconds - 1),
                *closing(seconds),
            ]
        )
        (answer,) = got.questions
        said = [claim.id for claim in (*answer.strengths, *answer.weaknesses)]
        said += [suggestion.id for suggestion in (*answer.suggestions, *got.suggestions)]
        assert not (wanted and any(each.startswith("answer_time") for each in said)), said
        timed = next(claim.text for claim in answer.time_management if claim.id == "time-1")
        assert bool(wanted) == any(
            words in timed for words in ("room for more", "is enough", "good length")
        )
