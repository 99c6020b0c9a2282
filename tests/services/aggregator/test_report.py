"""The report: every sentence rests on the stream, the same stream gives the same bytes."""

import re

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Baseline, MeasureValue, QuestionReport, Report
from greenroom.v1.session_pb2 import HintShown, SessionEvent, SessionStarted
from greenroom.v1.signals_pb2 import (
    DisfluencySpan,
    FaceEvent,
    PointResult,
    StarResult,
    TextSpan,
    VoiceEvent,
)
from hypothesis import given, settings

from services.aggregator import reasons
from services.aggregator.history import MOST_REPORTS
from services.aggregator.report import to_json, write
from services.aggregator.sentences import WORDS
from services.aggregator.wording import duration, figure, usual
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    OTHER,
    QUESTION,
    SECOND,
    START_US,
    Message,
    account,
    answered_again,
    ask,
    closing,
    connect,
    evaluated,
    event,
    face,
    fold,
    happened,
    in_order,
    opening,
    pause,
    report,
    resume,
    sessions,
    speech,
    voice,
)
from training.fusion.evidence import Witness, sentences

NUMBER = re.compile(r"\d+(?:[.:]\d+)?")


def check(stream: list[Message], got: Report) -> int:
    """Every claim of a report against its stream; returns how many."""
    witness = Witness(stream)
    claims = list(sentences(got))
    for claim in claims:
        for evidence in claim.evidence:
            assert witness.holds(evidence), (claim.text, evidence)
        assert claim.evidence, claim.text
    return len(claims)


def test_every_sentence_about_a_real_answer_holds(talk: list[Message]) -> None:
    assert check(talk, report(talk)) >= 12


def test_every_sentence_about_two_real_answers_holds(long_talk: list[Message]) -> None:
    got = report(long_talk)
    assert check(long_talk, got) >= 25
    assert len(got.questions) == 2


@settings(max_examples=25)
@given(sessions())
def test_every_sentence_about_any_session_holds(stream: list[Message]) -> None:
    check(stream, report(stream))


def figures(got: Report) -> set[str]:
    """All numbers that a sentence may say: values, usual ranges, times, shares."""
    said: list[str] = []
    for part in (got, *got.questions):
        for found in part.measures:  # type: ignore[attr-defined]
            said.append(usual(found.measure))
            if found.HasField("value"):
                said.append(figure(found.measure, found.value))
    for number, question in enumerate(got.questions, 1):
        said += [str(number), f"{100 * question.share_of_interview:.0f}"]
    return {number for text in said for number in NUMBER.findall(text)}


def test_no_number_in_a_sentence_is_made_up(long_talk: list[Message]) -> None:
    got = report(long_talk)
    lengths = {
        number
        for message in long_talk
        if isinstance(message, SessionEvent)
        for question in message.started.questions
        for number in NUMBER.findall(duration(question.seconds))
    }
    allowed = figures(got) | lengths
    for claim in sentences(got):
        assert set(NUMBER.findall(claim.text)) <= allowed, claim.text


def test_the_witness_catches_a_wrong_figure(talk: list[Message]) -> None:
    witness = Witness(talk)
    caught = 0
    for claim in sentences(report(talk)):
        for evidence in claim.evidence:
            if evidence.quote:
                evidence.quote = "words that nobody said"
            elif evidence.value:
                evidence.value *= 1.1
            else:
                continue
            assert not witness.holds(evidence), evidence
            caught += 1
    assert caught >= 10


def test_the_same_real_stream_gives_the_same_bytes(talk: list[Message]) -> None:
    first, second = report(talk), report(talk)
    assert to_json(first) == to_json(second)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )


def test_what_the_real_answer_shows(talk: list[Message]) -> None:
    got = report(talk)
    numbers = {found.measure: found.value for found in got.measures if found.HasField("value")}
    assert numbers["face_in_view"] >= 95
    assert numbers["gesture_rate"] > 0
    assert 130 <= numbers["speech_rate"] <= 200
    assert {series.measure for series in got.series} >= {
        "speech_rate", "pitch_median", "pause_mean", "eye_contact",
    }  # fmt: skip
    assert len(got.suggestions) == 3
    assert all(suggestion.drill for suggestion in got.suggestions)
    for question in got.questions:
        assert len(question.suggestions) == 3
        assert question.strengths
        assert question.time_management


def test_quotes_are_what_was_said() -> None:
    point = PointResult(
        point_id="listened",
        text="You listened.",
        found=True,
        evidence=TextSpan(
            quote="we talked it over", start_us=START_US, end_us=START_US + 2 * SECOND
        ),
    )
    words = "we talked it over and then we agreed on a plan for the release"
    stream = [
        *opening(), *voice(0, 30), speech(0, 120, 14, words),
        evaluated(30, completeness=1.0, points=[point]), *closing(30),
    ]  # fmt: skip
    got = report(stream)
    quotes = [e.quote for claim in got.strengths for e in claim.evidence if e.quote]
    assert quotes == ["we talked it over"]
    check(stream, got)


def test_an_uncertain_figure_is_no_weakness() -> None:
    """Seven 'um's a minute in half a minute may well be five."""
    ums = [happened(VoiceEvent(type=VoiceEvent.FILLED_PAUSE), at) for at in (3, 9, 15, 21)]
    short = report([*opening(), *voice(0, 34), *ums, *closing(34)])
    assert "filled_pauses-high" not in {claim.id for claim in short.weaknesses}
    many = [happened(VoiceEvent(type=VoiceEvent.FILLED_PAUSE), at) for at in range(1, 30, 2)]
    long = report([*opening(), *voice(0, 34), *many, *closing(34)])
    assert "filled_pauses-high" in {claim.id for claim in long.weaknesses}


def test_one_filler_in_few_words_is_no_weakness() -> None:
    def weak(count: int, words: int) -> bool:
        spans = [DisfluencySpan(type=DisfluencySpan.FILLER) for _ in range(count)]
        said = [speech(0, 120, words), evaluated(50, words=words, disfluencies=spans)]
        got = report([*opening(), *voice(0, 60), *said, *closing(60)])
        return "filler_words-high" in {claim.id for claim in got.weaknesses}

    assert not weak(1, 20)
    assert not weak(5, 110), "4.5 are shown as 5, and may well be 4"
    assert weak(8, 100)


def test_looking_at_the_camera_all_the_time_is_a_strength() -> None:
    """The live hint praises it."""
    got = report([*opening(), *voice(0, 60), *face(0, 60, eye_contact=1.0), *closing(60)])
    assert "eye_contact-good" in {claim.id for claim in got.strengths}
    assert "eye_contact" not in {claim.id.split("-")[0] for claim in got.weaknesses}


def test_what_is_shown_as_usual_is_no_weakness() -> None:
    """59.7% is said to be 60%, and 60% or more is usual."""

    def told(relevance: float) -> set[str]:
        said = [speech(0, 120, 100), evaluated(50, words=100, relevance=relevance)]
        got = report([*opening(), *voice(0, 60), *said, *closing(60)])
        return {claim.id for claim in got.questions[0].weaknesses}

    assert "relevance-low" not in told(0.597)
    assert "relevance-low" in told(0.594)


def test_suggestions_are_three_and_differ() -> None:
    got = report([*opening(), *voice(0, 60), speech(0, 150, 150), *closing(60)])
    ids = [suggestion.id for suggestion in got.suggestions]
    assert len(set(ids)) == 3
    assert "face_in_view" not in ids, "who left the camera out wanted to"


@pytest.mark.parametrize("seconds", [10, 85, 200])
def test_time_is_told_without_reproach(seconds: int) -> None:
    got = report([*opening(), *voice(0, seconds), *closing(seconds)])
    text = got.questions[0].time_management[0].text
    expected = {10: "room for more", 85: "a good length", 200: "is enough"}[seconds]
    assert expected in text


def test_length_and_beginning_of_an_answer_are_told_together() -> None:
    """By itself "You began it at once." could be of any answer."""
    got = report([*opening(), *voice(0, 85), *closing(85)])
    (claim,) = got.questions[0].time_management
    assert claim.text == (
        "Your answer to question 1 took 85 seconds, a good length for it. You began it at once."
    )
    assert [found.measure for found in claim.evidence] == ["answer_time", "response_delay"]


@pytest.mark.parametrize("count", [1, 4])
def test_the_parts_of_a_story_are_named_and_then_counted(count: int) -> None:
    span = TextSpan(quote="word", start_us=START_US, end_us=START_US + SECOND)
    kinds = [StarResult.SITUATION, StarResult.TASK, StarResult.ACTION, StarResult.RESULT]
    star = [StarResult(part=kind, span=span, share=0.2) for kind in kinds[:count]]
    answer = [*voice(0, 30), speech(0, 120, 60), evaluated(30, star=star)]
    (question,) = report([*opening(), *answer, *closing(30)]).questions
    told = [*question.strengths, *question.weaknesses]
    assert [claim.text for claim in told if claim.id.startswith("star_parts")] == [
        f"Of a story's four parts (situation, task, action, result), {count} could be found in "
        "your answer."
    ]


def test_an_answer_that_was_not_heard_has_no_time() -> None:
    got = report([*opening(), *face(0, 30), *closing(30)])
    assert [claim.text for claim in got.time_management] == [
        "Nothing can be said about the time of question 1: the microphone was not used."
    ]


def test_a_question_keeps_its_number_when_it_is_answered_again() -> None:
    """The page of the interview called the last one "Question 2 of 2"."""
    got = report(answered_again())
    told = [claim.text.split(" took")[0] for claim in got.time_management]
    assert [text for text in told if "question" in text] == [
        "Your answer to question 1",
        "Your answer to question 1 (again)",
        "Your answer to question 2",
    ]
    assert len({claim.id for claim in got.time_management}) == len(got.time_management)


def test_the_answer_that_took_long_is_called_as_in_the_interview() -> None:
    stream = [
        *opening([QUESTION, OTHER]), *voice(0, 200), ask(10, OTHER.id), ask(20, attempt=1),
        *closing(200),
    ]  # fmt: skip
    assert report(stream).time_management[0].text == (
        "Question 1 (again) took 90% of your answering time."
    )


# --- the person's own figures


def earlier(started_us: int, **numbers: float) -> Report:
    measures = [MeasureValue(measure=name, value=value) for name, value in numbers.items()]
    return Report(session_id=str(started_us), started_us=started_us, measures=measures)


def own(stream: list[Message], *reports: Report) -> Baseline:
    return write(fold(stream).state, affect=True, earlier=reports).baseline


def test_a_short_session_has_no_first_minute_and_a_long_one_has(
    talk: list[Message], long_talk: list[Message]
) -> None:
    assert not own(talk).first_minute
    assert own(long_talk).first_minute["speech_rate"] == pytest.approx(164, abs=15)


def test_history_is_the_mean_of_the_newest_reports() -> None:
    reports = [earlier(at, speech_rate=100.0 + at) for at in range(10)]
    got = own([*opening(), *closing(10)], *reversed(reports))
    assert got.reports == MOST_REPORTS
    assert got.history["speech_rate"] == 107
    assert "smile" not in got.history


def test_what_was_not_seen_before_is_no_history() -> None:
    before = Report(measures=[MeasureValue(measure="speech_rate", not_seen="too short to say")])
    assert not own([*opening(), *closing(10)], before).history


def test_the_same_performance_again_is_the_same_between_practices(long_talk: list[Message]) -> None:
    """The report's own scores count what the person did before; those to compare by do not."""
    first = report(long_talk)
    second = write(fold(long_talk).state, affect=True, earlier=[first])
    assert list(second.usual_scores) == list(first.usual_scores)
    assert list(second.scores) != list(first.scores)
    short = report([*opening(), *voice(0, 60), speech(0, 150, 150), *closing(60)])
    assert not short.baseline.first_minute
    assert list(short.usual_scores) == list(short.scores)


# --- coverage and words


def note(*messages: Message) -> str:
    got = report([*opening(), *messages, *closing(30)])
    return " ".join(coverage.note for coverage in got.coverage)


def test_what_was_not_seen_is_said() -> None:
    assert "The camera was not used" in note(*voice(0, 10))
    assert "The microphone was not used" in note(*face(0, 10))
    assert "No face was seen" in note(*face(0, 10, frames_with_face=0))
    assert "The microphone sent silence" in note(*voice(0, 9, speech=0.0, digital_silence=True))


def test_what_came_in_and_was_not_analysed_is_not_called_unused() -> None:
    said = note(connect(0))
    assert "The picture was not analysed: nothing is said about your face" in said
    assert "The picture was not analysed: nothing is said about your hands" in said
    assert "The sound was not analysed" in said
    assert "not used" not in said
    counted = [account(Kind.KIND_GATEWAY_VIDEO, 10), account(Kind.KIND_GATEWAY_AUDIO, 0)]
    said = note(*counted)
    assert "The picture was not analysed" in said
    assert "The microphone was not used" in said
    got = report([*opening(), connect(0), *closing(30)])
    assert {m.not_seen for m in got.measures if m.measure in ("smile", "pointing")} == {
        "the picture was not analysed"
    }
    assert not got.suggestions, "nothing that the candidate could do"


def ids_of(got: Report | QuestionReport) -> list[str]:
    return [suggestion.id for suggestion in got.suggestions]


def test_a_question_that_was_passed_over_is_no_fault_of_the_microphone() -> None:
    silent = voice(0, 20, speech=0.0)
    got = report(
        [*opening([QUESTION, OTHER]), *silent, ask(20, OTHER.id), *voice(20, 60),
         speech(20, 120, 70), evaluated(59, question_id=OTHER.id), *closing(60)]
    )  # fmt: skip
    assert "phonation_ratio" not in ids_of(got.questions[0])
    (missing,) = [m.not_seen for m in got.measures if m.measure == "completeness"]
    assert missing == reasons.NO_POINTS, "of the answer that was heard"
    nothing = report([*opening(), *silent, *closing(20)])
    assert "phonation_ratio" in ids_of(nothing)


def test_of_a_face_that_was_never_seen_one_thing_is_said() -> None:
    got = report([*opening(), *voice(0, 30), *face(0, 30, frames_with_face=0), *closing(30)])
    for part in (got, *got.questions):
        assert ids_of(part).count("face_in_view") == 1  # type: ignore[arg-type]
        assert "face_in_view-low" not in {claim.id for claim in part.weaknesses}  # type: ignore[attr-defined]


def test_a_hint_is_told_when_it_was_shown() -> None:
    """Whoever switches hints off has seen none, and a client that shows none says nothing."""
    said = [*voice(0, 60), *face(0, 60, eye_contact=0.95), speech(0, 140, 135)]
    stream = [*opening(), *in_order(said)]
    decided = fold(stream).state.hints
    assert len(decided) == 2
    assert not report([*stream, *closing(60)]).hints
    shown = event(60, hint_shown=HintShown(hint_id=decided[1].hint_id))
    unknown = event(60, hint_shown=HintShown(hint_id="17"))
    told = report([*stream, shown, unknown, *closing(60)]).hints
    assert [record.hint.hint_id for record in told] == [decided[1].hint_id]


def test_the_practice_s_length_is_what_was_practised() -> None:
    """Not the choice of questions, the camera's set-up, and what was paused."""
    before = [event(0, started=SessionStarted(questions=[QUESTION])), *voice(5, 90)]
    got = report([*before, ask(90), *voice(90, 190), pause(120), resume(150), *closing(190)])
    assert (got.duration_ms, got.practised_ms) == (190_000, 70_000)


def test_what_disturbs_is_said() -> None:
    lost = happened(FaceEvent(type=FaceEvent.FACE_LOST), 3, 5)
    assert "out of view once" in note(*face(0, 10), lost)
    second = happened(FaceEvent(type=FaceEvent.SEVERAL_FACES), 3, 5)
    assert "A second face" in note(*face(0, 10), second)
    level = happened(VoiceEvent(type=VoiceEvent.LEVEL, detail="automatic_gain"), 3)
    assert "automatic gain" in note(*voice(0, 10), level)


BLAME = re.compile(
    r"\b(bad|poor|wrong|fail\w*|nervous|anxious|stressed|insecure|afraid|lying|dishonest|should"
    r" have|never|unable|weak)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("measure", WORDS)
def test_no_sentence_blames_or_reads_minds(measure: str) -> None:
    words = WORDS[measure]
    for text in (words.good, words.low, words.high, words.aim, words.drill):
        assert not BLAME.search(text), text


@pytest.mark.parametrize("measure", WORDS)
def test_every_side_that_has_a_sentence_has_an_edge_and_a_drill(measure: str) -> None:
    words, entry = WORDS[measure], MEASURES[measure]
    assert not words.low or entry.low is not None
    assert not words.high or entry.high is not None
    assert words.drill
    assert words.aim
    assert not entry.affect
