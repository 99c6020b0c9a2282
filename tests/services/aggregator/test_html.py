"""The page: everything in it is escaped, it stands alone, and it shows what the report says."""

import re
from html.parser import HTMLParser

import pytest
from greenroom.v1.report_pb2 import Report
from greenroom.v1.session_pb2 import ExpectedPoint, Question
from greenroom.v1.signals_pb2 import DisfluencySpan, PointResult, StarResult, TextSpan, VoiceEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.html import PLOT_LEFT, parts, render
from services.aggregator.wording import clock, duration, figure, shown, usual
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    QUESTION,
    SECOND,
    START_US,
    Message,
    answered_again,
    ask,
    closing,
    evaluated,
    happened,
    in_order,
    opening,
    report,
    sessions,
    set_up_first,
    speech,
    voice,
)


class Page(HTMLParser):
    """The page as a browser reads it: its elements, attributes and text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def said(text: str) -> Report:
    """A report in which a text stands in every place that a person or a question fills."""
    question = Question(
        id=QUESTION.id,
        text=text,
        style="behavioural",
        seconds=90,
        points=[ExpectedPoint(id="point", text=text, weight=1)],
        follow_ups=[text],
    )
    span = TextSpan(quote=text, start_us=START_US, end_us=START_US + SECOND)
    evaluation = evaluated(
        30,
        points=[PointResult(point_id="point", text=text, found=True, evidence=span)],
        star=[StarResult(part=StarResult.ACTION, span=span, share=1)],
        disfluencies=[DisfluencySpan(type=DisfluencySpan.FILLER, span=span)],
        completeness=1.0,
    )
    word = speech(0, 60, 1)
    word.transcript.words[0].text = text
    return report([*opening([question]), *voice(0, 30), word, evaluation, *closing(30)])


@settings(max_examples=100)
@given(
    st.text(min_size=1, max_size=80)
    | st.lists(st.sampled_from(["<script>", "'", '"', "</q>", "<img src=x onerror=alert(1)>", "{{",
                                "}}", "&", "</style>", "-->", "\\", "\n"]), min_size=1).map("".join)
)  # fmt: skip
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    plain, page = Page(render(said("word"))), Page(render(said(text)))
    assert page.tags == plain.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain.attributes]


def test_a_text_is_shown_as_it_was_said() -> None:
    assert Page(render(said("a < b & 'c'"))).words.count("a < b & 'c'") >= 5


@settings(max_examples=25)
@given(sessions())
def test_every_report_has_a_page_that_stands_alone(stream: list[Message]) -> None:
    html = render(report(stream))
    page = Page(html)
    assert "script" not in page.tags
    assert not [value for name, value in page.attributes if name in ("src", "href")]
    assert not re.search(r"url\(|@import|https?://", html)
    assert not re.search(r"\bnan\b|\binf\b|None", page.words)


def test_the_page_of_a_real_answer(talk: list[Message]) -> None:
    got = report(talk)
    page = Page(render(got))
    words = " ".join(page.words.split())
    for claim in (*got.strengths, *got.weaknesses, *got.time_management):
        assert claim.text in words
    for suggestion in got.suggestions:
        assert suggestion.text in words
        assert suggestion.drill in words
    labels = [value for name, value in page.attributes if name == "aria-label"]
    for plot in ("Timeline", "Speech rate", "Pitch", "Pauses", "Eye contact"):
        assert any(label.startswith(plot) for label in labels), plot
    assert page.tags.count("svg") >= 5
    assert all(word.text in words for word in got.questions[0].words)


def test_what_may_be_asked_next_is_there() -> None:
    page = Page(render(report(answered_again())))
    assert page.words.count("What an interviewer may ask next") == 2, "OTHER has none"
    assert page.words.count(QUESTION.follow_ups[0]) == 2


def test_the_same_report_gives_the_same_page(talk: list[Message]) -> None:
    assert render(report(talk)) == render(report(talk))


def test_times_count_from_the_first_question() -> None:
    html = render(report(set_up_first()))
    assert not re.search(r"\b5:\d\d", html)
    assert "0:00 to 0:30" in html
    assert "pause at 0:10" in html
    assert '<rect class="bar" x="90.0" y="12" width="550.0"' in html


def test_what_began_in_the_set_up_is_drawn_from_the_first_question_on() -> None:
    """An event belongs where its middle is: it may begin before the plots do."""
    silent = happened(VoiceEvent(type=VoiceEvent.PAUSE), 296, 306)
    html = render(report(in_order([*set_up_first(), silent])))
    marks = re.findall(r'class="mark" x="([-.\d]+)" y="\d+" width="([.\d]+)"', html)
    assert marks
    assert all(float(x) >= PLOT_LEFT for x, _ in marks), marks
    assert max(float(width) for _, width in marks) == pytest.approx(550 * 6 / 30, abs=0.2)


def test_questions_are_called_as_in_the_interview() -> None:
    html = render(report(answered_again()))
    called = ["Question 1", "Question 1 (again)", "Question 2"]
    assert re.findall(r"<h2>(Question.*?)</h2>", html) == called
    assert re.findall(r"<text[^>]*>(Question.*?)</text>", html) == called


def test_each_of_several_answers_has_its_share_of_the_interview() -> None:
    several, alone = report(answered_again()), report(set_up_first())
    shares = [f"{100 * question.share_of_interview:.0f}" for question in several.questions]
    assert re.findall(r"share of the interview: (\d+)%", render(several)) == shares
    assert "share of the interview" not in render(alone)


def columns(stream: list[Message]) -> list[tuple[str, str]]:
    """What stands under "What went well" and "What to work on": of it all, then of each answer."""
    words = " ".join(Page(render(report(stream))).words.split())
    return re.findall(
        r"What went well (.*?) What to work on (.*?) (?:Time|Signs of stress) ", words
    )


def test_who_was_seen_is_not_told_that_too_little_was_seen() -> None:
    """A minute of talk that began late, too fast and full of 'um's."""
    ums = [happened(VoiceEvent(type=VoiceEvent.FILLED_PAUSE), at) for at in range(10, 58, 2)]
    talk = [*voice(0, 10, speech=0.0), *voice(10, 60), speech(10, 260, 210), *ums]
    got = columns([*opening(), *talk, *closing(60)])
    assert len(got) == 2
    for good, weak in got:
        assert good == "Nothing lay clearly within what is usual this time."
        assert "Too little" not in weak
        assert "Nothing stood out" not in weak


def test_of_nothing_seen_nothing_is_said() -> None:
    too_little = "Too little was seen and heard to say."
    assert columns([*opening(), *closing(60)]) == [
        (f"{too_little} A longer practice will tell more.", too_little),
        (too_little, too_little),
    ]


@pytest.mark.parametrize(
    ("measure", "value", "expected"),
    [
        ("eye_contact", 61.4, "61%"),
        ("filled_pauses", 0.0, "none"),
        ("filled_pauses", 0.3, "less than once a minute"),
        ("filled_pauses", 1.2, "about once a minute"),
        ("filled_pauses", 7.6, "8 times a minute"),
        ("speech_rate", 151.2, "151 words a minute"),
        ("response_delay", 0.44, "0.4 seconds"),
        ("answer_time", 105, "1:45 minutes"),
        ("star_parts", 2.0, "2"),
        ("star_parts", 2.5, "2.5"),
        ("filler_words", 3.2, "3 times in 100 words"),
        ("pitch_variation", 2.34, "2.3 semitones"),
        ("words", 54.0, "54"),
        ("loudness", -28.51, "-28.5 dBFS"),
    ],
)
def test_figures_read_as_people_say_them(measure: str, value: float, expected: str) -> None:
    assert figure(measure, value) == expected


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("value", [2.449, 2.5, 3.06, 9.94, 9.96, 40.04, 59.6])
def test_what_is_judged_is_the_figure_that_is_said(measure: str, value: float) -> None:
    said = re.search(r"[\d.]+", figure(measure, value))
    assert said
    assert float(said.group()) == shown(measure, value)


def test_the_length_that_is_shown_is_the_practice_s() -> None:
    """Of a report from before it was told: the session's."""
    assert "1:10 minutes" in render(Report(duration_ms=190_000, practised_ms=70_000))
    assert "3:10 minutes" in render(Report(duration_ms=190_000))


def test_times_read_as_people_say_them() -> None:
    assert [duration(s) for s in (9.94, 9.96, 89.4, 89.6)] == [
        "9.9 seconds", "10 seconds", "89 seconds", "1:30 minutes",
    ]  # fmt: skip
    assert clock(59_600) == "1:00"


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("speech_rate", "110 to 180 words a minute"),
        ("fidgeting", "15% or less"),
        ("face_in_view", "95% or more"),
        ("nods", ""),
    ],
)
def test_usual_ranges_in_words(measure: str, expected: str) -> None:
    assert usual(measure) == expected


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_a_figure(measure: str) -> None:
    assert figure(measure, 12.3)


def test_an_overall_score_rests_on_the_mean_of_the_answers() -> None:
    """Of several answers, not of the last one."""
    got = report(
        [
            *opening(),
            *voice(0, 30),
            speech(0, 120, 50),
            evaluated(29, final=True, words=50, relevance=0.9, specificity=3.0),
            ask(30, attempt=1),
            *voice(30, 60),
            speech(30, 120, 50),
            evaluated(59, final=True, words=50, relevance=0.3, attempt=1, specificity=3.0),
            *closing(60),
        ]
    )
    (overall,) = [m for m in got.measures if m.measure == "relevance"]
    assert overall.value == pytest.approx(60)
    (quality,) = [score for score in got.scores if score.score == "answer_quality"]
    shown = {part["name"]: part["figure"] for part in parts(quality, got.measures)}
    assert shown[MEASURES["relevance"].name] == figure("relevance", 60)
