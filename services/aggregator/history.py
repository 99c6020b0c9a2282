"""The person's own figures, which the delivery scores compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from greenroom.v1.report_pb2 import Baseline, Report

from services.aggregator.scores import delivery
from services.aggregator.spans import Stretch
from services.aggregator.values import Values
from services.runtime.media import MICROSECONDS

FIRST_MINUTE_US = 60 * MICROSECONDS

MOST_REPORTS = 5
"""Older practices say less about how a person speaks now."""


def history(earlier: Iterable[Report]) -> Mapping[str, list[float]]:
    """By measure: its values in the newest of the reports."""
    newest = sorted(earlier, key=lambda report: (report.started_us, report.session_id))
    found: dict[str, list[float]] = {}
    for report in newest[-MOST_REPORTS:]:
        for made in report.measures:
            if made.measure in delivery().measures and made.HasField("value"):
                found.setdefault(made.measure, []).append(made.value)
    return found


def baseline(first_minute: Values | None, earlier: Iterable[Report]) -> Baseline:
    """What is known of the person: their first minute (None in a short session), and the mean
    of their last practices."""
    reports = list(earlier)
    made = Baseline(reports=min(len(reports), MOST_REPORTS))
    for measure in delivery().measures:
        value = first_minute.number(measure) if first_minute else None
        if value is not None:
            made.first_minute[measure] = value
    made.history.update(_means(reports))
    return made


def without_erased(report: Report, earlier: Iterable[Report]) -> Report:
    """A copy of a report that was compared with one that is erased: its baseline is the mean of
    the ``earlier`` practices that are left. Of a single one it was the erased figures themselves.

    Its scores stay as the candidate has read them: from them no figure can be had back.
    """
    left = list(earlier)
    made = Report()
    made.CopyFrom(report)
    made.baseline.reports = min(len(left), MOST_REPORTS)
    made.baseline.history.clear()
    made.baseline.history.update(_means(left))
    return made


def _means(reports: Iterable[Report]) -> dict[str, float]:
    """By measure."""
    return {
        measure: round(float(np.mean(numbers)), 3) for measure, numbers in history(reports).items()
    }


def first_minute(whole: Stretch) -> Stretch | None:
    """None for a session that is hardly longer."""
    if whole.end_us - whole.start_us < 2 * FIRST_MINUTE_US:
        return None
    return Stretch(whole.start_us, whole.start_us + FIRST_MINUTE_US, pauses=whole.pauses)
