"""The report as a page that stands alone: no script, prints well."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial

from greenroom.v1.report_pb2 import Evidence, MeasureValue, QuestionReport, Report, Score, Series
from greenroom.v1.signals_pb2 import DisfluencySpan, StarResult
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.aggregator.wording import called, clock, figure, numbers, usual
from services.runtime.measures import MEASURES, Measure

PLOT_WIDTH, PLOT_HEIGHT = 640, 90
PLOT_LEFT, PLOT_MARGIN = 90, 6
"""Room for names and figures, and above and below a line."""

TICKS = 5
GAP_MS = 2_500
"""Points further apart are not joined: nothing was seen between them."""

AFFECT_NOTE = (
    "Signs of stress and confident delivery describe what others could see and hear, not what "
    "you felt."
)

PLOTTED = (
    "speech_rate",
    "pitch_median",
    "pause_mean",
    "eye_contact",
    "loudness",
    "movement",
    "smile",
)
STEMS = "pause_mean"
"""Drawn as one stem for each event, not as a line."""

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
    numbered = numbers(question.question_id for question in report.questions)
    places = [
        called(number, question.attempt)
        for number, question in zip(numbered, report.questions, strict=True)
    ]
    return template.render(
        report=report,
        places=places,
        timeline=_timeline(report, places),
        plots=[_plot(series, report) for series in _plotted(report)],
        ticks=_ticks(report),
        at=partial(_at, report=report),
        width=PLOT_WIDTH,
        height=PLOT_HEIGHT,
        left=PLOT_LEFT,
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
        clock=clock,
        judged=judged,
        value=value,
        likely=likely,
        name=name,
        usual=usual,
        parts=parts,
        unseen=unseen,
    )
    environment.globals.update(star_names=STAR_NAMES, marked_words=word_classes, measure=measure)
    return environment


def measure(name_: str) -> Measure:
    return MEASURES[name_]


def name(measure_: str) -> str:
    return MEASURES[measure_].name


def value(found: MeasureValue | Evidence) -> str:
    return figure(found.measure, found.value)


def likely(found: MeasureValue | Evidence) -> str:
    """The 95% interval in the measure's own unit, where there is one."""
    if not found.HasField("low"):
        return ""
    digits = 0 if abs(found.high) >= 10 else 1
    return f" ({found.low:.{digits}f} to {found.high:.{digits}f} likely)"


def unseen(measures: Iterable[MeasureValue]) -> list[tuple[str, str]]:
    """(why, names) of what was not seen, by reason."""
    by_reason: dict[str, list[str]] = {}
    for found in measures:
        if not found.HasField("value"):
            by_reason.setdefault(found.not_seen, []).append(name(found.measure))
    return [(why, ", ".join(names)) for why, names in by_reason.items()]


def judged(measures: Iterable[MeasureValue]) -> bool:
    """Whether enough was seen or heard to judge by: a value of a measure with a usual range."""
    return any(found.HasField("value") and usual(found.measure) for found in measures)


def parts(found: Score, measures: Iterable[MeasureValue]) -> list[dict[str, str]]:
    """What a score rests on, the weightiest first; measures: of the same answers."""
    seen = {made.measure: made for made in measures if made.HasField("value")}
    ordered = sorted(found.contributions.items(), key=lambda part: (-abs(part[1]), part[0]))
    return [
        {
            "name": name(measure_),
            "figure": value(seen[measure_]) if measure_ in seen else "",
            "points": f"{points:+.1f} points",
        }
        for measure_, points in ordered
    ]


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


def _began_ms(report: Report) -> int:
    """The first question: times are shown from there on, for before it was the set-up."""
    return report.questions[0].start_ms if report.questions else 0


def _at(milliseconds: int, report: Report) -> str:
    return clock(max(0, milliseconds - _began_ms(report)))


def _x(milliseconds: float, report: Report) -> float:
    shown = max(0, milliseconds - _began_ms(report))
    return round(PLOT_LEFT + _length(shown, report), 1)


def _length(milliseconds: float, report: Report) -> float:
    whole = max(report.duration_ms - _began_ms(report), 1)
    return round((PLOT_WIDTH - PLOT_LEFT) * milliseconds / whole, 1)


def _ticks(report: Report) -> list[dict[str, object]]:
    """Times along the lower edge."""
    anchors = ["start", *["middle"] * (TICKS - 2), "end"]
    began = _began_ms(report)
    step = (report.duration_ms - began) / (TICKS - 1)
    times = [began + round(step * number) for number in range(TICKS)]
    return [
        {"x": _x(at, report), "text": _at(at, report), "anchor": anchor}
        for at, anchor in zip(times, anchors, strict=True)
    ]


def _plot(series: Series, report: Report) -> dict[str, object]:
    """One measure over time: its lines (broken where it was not seen) and usual range."""
    entry = MEASURES[series.measure]
    bounds = [edge for edge in (entry.low, entry.high) if edge is not None]
    stems = series.measure == STEMS
    low = 0.0 if stems else min([*series.value, *bounds])
    high = max([*series.value, *bounds])
    span = max(high - low, 1e-6)

    def y(value_: float) -> float:
        share = (value_ - low) / span
        return round(PLOT_HEIGHT - PLOT_MARGIN - share * (PLOT_HEIGHT - 2 * PLOT_MARGIN), 1)

    points = list(zip(series.time_ms, series.value, strict=True))
    lines: list[list[str]] = []
    before = None
    for at, value_ in [] if stems else points:
        if before is None or at - before > GAP_MS:
            lines.append([])
        lines[-1].append(f"{_x(at, report)},{y(value_)}")
        before = at
    band = None
    if bounds:
        top = y(entry.high if entry.high is not None else high)
        bottom = y(entry.low if entry.low is not None else low)
        band = {"y": top, "height": max(0.0, bottom - top)}
    range_ = usual(series.measure)
    return {
        "name": "Pauses" if stems else entry.name,
        "about": f"usual: {range_}" if range_ else entry.unit,
        "lines": [" ".join(line) for line in lines],
        "stems": [{"x": _x(at, report), "y": y(value_)} for at, value_ in points if stems],
        "band": band,
        "low": f"{low:.0f}",
        "high": f"{high:.0f}" if high >= 10 else f"{high:.1f}",
    }


def _timeline(report: Report, places: list[str]) -> dict[str, object]:
    """Questions as blocks, marked moments in a row each, hints on top. places: what each
    question is called."""
    rows = []
    for kind, words in MARKED.items():
        moments = [moment for moment in report.moments if moment.type == kind]
        if moments:
            marks = [
                {
                    "x": _x(moment.start_ms, report),
                    "width": max(
                        1.5, round(_x(moment.end_ms, report) - _x(moment.start_ms, report), 1)
                    ),
                    "title": f"{words} at {_at(moment.start_ms, report)}",
                }
                for moment in moments
            ]
            rows.append({"name": words, "marks": marks})
    questions = [
        {
            "x": _x(question.start_ms, report),
            "width": _length(question.end_ms - question.start_ms, report),
            "place": place,
        }
        for place, question in zip(places, report.questions, strict=True)
    ]
    hints = [
        {
            "x": _x(record.time_ms, report),
            "title": f"{record.hint.text}, {_at(record.time_ms, report)}",
        }
        for record in report.hints
    ]
    return {"rows": rows, "questions": questions, "hints": hints}
