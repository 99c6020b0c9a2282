"""GREENROOM_AFFECT=off: reports without anything that could be read as an emotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenroom.v1.report_pb2 import QuestionReport, Report

from services.runtime.measures import MEASURES

AFFECT_MOMENTS = frozenset({"smile", "frown", "brief_movement"})


def without_affect(report: Report) -> Report:
    """A copy without affect measures, scores, plots and moments, also of each question. No
    claim, suggestion or hint rests on them; those that ever do go too."""
    made = Report()
    made.CopyFrom(report)
    made.affect = False
    parts: list[Report | QuestionReport] = [made, *made.questions]
    for part in parts:
        _drop(part.measures, lambda found: _affect(found.measure))
        _drop(part.scores, lambda found: _affect(found.score))
        _drop(part.moments, lambda found: found.type in AFFECT_MOMENTS)
        for claims in (part.strengths, part.weaknesses, part.time_management, part.suggestions):
            _drop(claims, _rests_on_affect)
    _drop(made.usual_scores, lambda found: _affect(found.score))
    _drop(made.series, lambda found: _affect(found.measure))
    return made


def _rests_on_affect(claim: Any) -> bool:
    return any(_affect(evidence.measure) for evidence in claim.evidence)


def _affect(measure: str) -> bool:
    """A measure that is not known any more is taken for one."""
    return bool(measure) and (measure not in MEASURES or MEASURES[measure].affect)


def _drop(messages: Any, wrong: Callable[[Any], bool]) -> None:
    """From a repeated field, in place."""
    for index in reversed(range(len(messages))):
        if wrong(messages[index]):
            del messages[index]
