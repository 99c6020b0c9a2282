"""GREENROOM_AFFECT=off: nothing that could be read as an emotion is left anywhere."""

import re

from greenroom.v1.report_pb2 import Claim, Evidence, Report
from greenroom.v1.signals_pb2 import FaceEvent
from hypothesis import given, settings

from services.aggregator.affect import AFFECT_MOMENTS, without_affect
from services.aggregator.html import render
from services.aggregator.report import to_json
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    Message,
    closing,
    face,
    happened,
    opening,
    report,
    sessions,
    voice,
)

AFFECT = {name for name, measure in MEASURES.items() if measure.affect}
WORDS = re.compile(
    r"smil|frown|stress|confident|emotion|nervous|anxi|brief facial|brief_movement|"
    r'"(score|measure|type)": "confidence"',
    re.IGNORECASE,
)
EVENTS = [
    happened(FaceEvent(type=kind), 3)
    for kind in (FaceEvent.SMILE, FaceEvent.FROWN, FaceEvent.BRIEF_MOVEMENT, FaceEvent.BLINK)
]
SMILING = [*opening(), *face(0, 30, smile=0.9, frown=0.8), *voice(0, 30), *EVENTS, *closing(30)]


def clean(got: Report) -> None:
    assert not got.affect
    assert not WORDS.search(to_json(got)), WORDS.search(to_json(got))
    assert not WORDS.search(render(got)), WORDS.search(render(got))
    for part in (got, *got.questions):
        assert not AFFECT & {found.measure for found in part.measures}  # type: ignore[attr-defined]
        assert not AFFECT & {found.score for found in part.scores}  # type: ignore[attr-defined]


def test_affect_measures_are_the_ones_that_are_meant() -> None:
    assert {"smile", "frown", "brief_movements", "stress_signs", "confidence"} == AFFECT


def test_with_affect_they_are_there() -> None:
    got = report(SMILING)
    assert got.affect
    assert WORDS.search(to_json(got))
    assert WORDS.search(render(got))
    assert {moment.type for moment in got.moments} >= AFFECT_MOMENTS


def test_without_affect_nothing_of_it_is_left(talk: list[Message]) -> None:
    clean(report(SMILING, affect=False))
    clean(report(talk, affect=False))


@settings(max_examples=25)
@given(sessions())
def test_without_affect_nothing_of_it_is_left_of_any_session(stream: list[Message]) -> None:
    clean(report(stream, affect=False))


def test_a_report_that_was_written_with_affect_can_be_shown_without(talk: list[Message]) -> None:
    with_affect = report(talk)
    before = to_json(with_affect)
    assert without_affect(with_affect) == report(talk, affect=False)
    assert to_json(with_affect) == before


def test_the_rest_stays() -> None:
    got = report(SMILING, affect=False)
    assert {moment.type for moment in got.moments} == {"blink"}
    assert {score.score for score in got.scores} == {"fluency", "answer_quality"}


def test_a_claim_that_rests_on_affect_goes() -> None:
    kept = Claim(id="rate", text="Kept.", evidence=[Evidence(measure="speech_rate")])
    gone = Claim(id="smile", text="Gone.", evidence=[Evidence(measure="smile")])
    unknown = Claim(id="joy", text="Gone too.", evidence=[Evidence(measure="joy")])
    got = without_affect(Report(affect=True, strengths=[gone, kept, unknown]))
    assert [claim.text for claim in got.strengths] == ["Kept."]
