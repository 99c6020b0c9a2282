"""The report as a page that stands alone: no script, prints well."""

from __future__ import annotations

from functools import cache

from greenroom.v1.report_pb2 import MeasureValue, QuestionReport, Report, Score, Series
from greenroom.v1.signals_pb2 import DisfluencySpan, StarResult
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.aggregator.claims import figure
from services.runtime.measures import MEASURES, Measure

PLOT_WIDTH, PLOT_HEIGHT = 640, 90
PLOT_MARGIN = 6
GAP_MS = 2_500
"""Points further apart are not joined: nothing was seen between them."""

AFFECT_NOTE = (
    "Scores of stress and confidence describe what others could see and hear, against your own "
    "first minute where there was one. They are no diagnosis."
)

PLOTTED = ("speech_rate", "pitch_median", "loudness", "eye_contact", "movement", "smile")
MARKED = {
    "pause": "pause",
    "filled_pause": "um, uh",
    "look_away": "looked away",
    "fidget": "fidgeting",
    "self_touch": "hand at face",
    "smile": "smile",
    "face_lost": "face out of view",
}
"""Moments on the timeline, and what they are called there."""

STAR_NAMES = {
    StarResult.SITUATION: "Situation",
    StarResult.TASK: "Task",
    StarResult.ACTION: "Action",
    StarResult.RESULT: "Result",
}


def render(report: Report) -> str:
    """The whole page as HTML; every text in it is escaped."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        timeline=_timeline(report),
        plots=[_plot(series, report) for series in _plotted(report)],
        width=PLOT_WIDTH,
        height=PLOT_HEIGHT,
        affect_note=AFFECT_NOTE,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("services.aggregator"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock=clock, value=value, interval=interval, name=name, usual=usual, score=score
    )
    environment.globals.update(star_names=STAR_NAMES, marked_words=word_classes, measure=measure)
    return environment


def clock(milliseconds: int) -> str:
    """m:ss"""
    seconds = round(milliseconds / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def measure(name_: str) -> Measure:
    return MEASURES[name_]


def name(measure_: str) -> str:
    return MEASURES[measure_].name


def value(found: MeasureValue) -> str:
    if not found.HasField("value"):
        return f"not seen: {found.not_seen}"
    return figure(found.measure, found.value)


def interval(found: MeasureValue) -> str:
    """The 95% interval in the measure's own unit."""
    if not found.HasField("low"):
        return ""
    digits = 0 if abs(found.high) >= 10 else 1
    return f"{found.low:.{digits}f} to {found.high:.{digits}f}"


def usual(measure_: str) -> str:
    """The usual range in words."""
    entry = MEASURES[measure_]
    unit = "" if entry.unit in ("%", "") else f" {entry.unit}"
    sign = "%" if entry.unit == "%" else ""
    if entry.low is not None and entry.high is not None:
        return f"{entry.low:g} to {entry.high:g}{sign}{unit}"
    if entry.low is not None:
        return f"{entry.low:g}{sign}{unit} or more"
    return f"{entry.high:g}{sign}{unit} or less" if entry.high is not None else ""


def score(found: Score) -> str:
    if not found.HasField("value"):
        return f"not given: {found.not_seen}"
    return f"{found.value:.0f} (between {found.low:.0f} and {found.high:.0f})"


def word_classes(report: Report, question: QuestionReport) -> list[tuple[str, str]]:
    """(text, CSS classes) of each word: fillers, repetitions, repairs, hedges."""
    marked: list[tuple[str, str]] = []
    for word in question.words:
        middle_us = report.started_us + (word.start_ms + word.end_ms) * 500
        classes = ["filler"] if word.filler else []
        for found in question.answer.disfluencies:
            if found.span.start_us <= middle_us <= found.span.end_us:
                classes.append(DisfluencySpan.Type.Name(found.type).lower())
        marked.append((word.text, " ".join(dict.fromkeys(classes))))
    return marked


# --- plots, as inline SVG: no script, and they print


def _plotted(report: Report) -> list[Series]:
    by_name = {series.measure: series for series in report.series}
    return [by_name[each] for each in PLOTTED if each in by_name]


def _x(milliseconds: float, report: Report) -> float:
    return round(PLOT_WIDTH * milliseconds / max(report.duration_ms, 1), 1)


def _plot(series: Series, report: Report) -> dict[str, object]:
    """One measure over time: its lines (broken where it was not seen) and usual range."""
    entry = MEASURES[series.measure]
    bounds = [edge for edge in (entry.low, entry.high) if edge is not None]
    low, high = min([*series.value, *bounds]), max([*series.value, *bounds])
    span = max(high - low, 1e-6)

    def y(value_: float) -> float:
        share = (value_ - low) / span
        return round(PLOT_HEIGHT - PLOT_MARGIN - share * (PLOT_HEIGHT - 2 * PLOT_MARGIN), 1)

    lines: list[list[str]] = []
    before = None
    for at, value_ in zip(series.time_ms, series.value, strict=True):
        if before is None or at - before > GAP_MS:
            lines.append([])
        lines[-1].append(f"{_x(at, report)},{y(value_)}")
        before = at
    band = None
    if bounds:
        top = y(entry.high if entry.high is not None else high)
        bottom = y(entry.low if entry.low is not None else low)
        band = {"y": top, "height": max(0.0, bottom - top)}
    return {
        "name": entry.name,
        "unit": entry.unit,
        "lines": [" ".join(points) for points in lines],
        "band": band,
        "low": f"{low:.0f}",
        "high": f"{high:.0f}",
    }


def _timeline(report: Report) -> dict[str, object]:
    """Questions as blocks, marked moments in a row each, hints on top."""
    rows = []
    for kind, words in MARKED.items():
        moments = [moment for moment in report.moments if moment.type == kind]
        if moments:
            marks = [
                {
                    "x": _x(moment.start_ms, report),
                    "width": max(1.5, _x(moment.end_ms - moment.start_ms, report)),
                    "title": f"{words} at {clock(moment.start_ms)}",
                }
                for moment in moments
            ]
            rows.append({"name": words, "marks": marks})
    questions = [
        {
            "x": _x(question.start_ms, report),
            "width": _x(question.end_ms - question.start_ms, report),
            "number": number,
        }
        for number, question in enumerate(report.questions, 1)
    ]
    hints = [
        {"x": _x(record.time_ms, report), "title": f"{record.hint.text}, {clock(record.time_ms)}"}
        for record in report.hints
    ]
    return {"rows": rows, "questions": questions, "hints": hints}
