"""What went well, what to work on and what to practise: each claim with its evidence."""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.v1.report_pb2 import Claim, Evidence, Suggestion
from greenroom.v1.signals_pb2 import AnswerEvaluation, TextSpan

from services.aggregator.reasons import NO_CAMERA, NOT_ANALYSED, TOO_SHORT
from services.aggregator.sentences import WORDS
from services.aggregator.values import PER_ANSWER, UNKNOWN, Values
from services.aggregator.wording import figure, shown, usual
from services.runtime.measures import MEASURES

MOST_STRENGTHS = MOST_WEAKNESSES = MOST_SUGGESTIONS = 3
MOST_QUOTES = 2
HARDLY_ANY = 10.0
"""Percent of the expected points."""


SURE_Z = 0.84
"""A value is called outside (or inside) its usual range when it is so by this many standard
errors: four times in five it would be so again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A measure outside or inside its usual range, and by how much."""

    measure: str
    value: float
    side: str
    """good, low or high."""
    distance: float
    """From the nearer edge, in half ranges."""
    sure: bool

    @property
    def weight(self) -> float:
        """How telling it is."""
        return WORDS[self.measure].importance * (0.5 + self.distance)


def findings(values: Values) -> list[Finding]:
    """All measures that have words and a value from enough looks, the most telling first. An
    answer's length only where its question says none: otherwise two judgements of it would
    differ."""
    found = [
        _place(name, value, values.error(name) or 0.0)
        for name in WORDS
        if (value := values.number(name)) is not None
        and values.error(name) != UNKNOWN
        and not (name == "answer_time" and values.suited_length)
        and not (name == "face_in_view" and not value)  # the coverage says so
    ]
    return sorted(found, key=lambda finding: (-finding.weight, finding.measure))


def _place(name: str, value: float, error: float) -> Finding:
    """By the figure that is shown: "60%, where 60% or more is usual" is no weakness."""
    measure = MEASURES[name]
    edges = [edge for edge in (measure.low, measure.high) if edge is not None]
    scale = _scale(edges)
    nearest = min(abs(value - edge) for edge in edges)
    sure = nearest >= SURE_Z * error
    said = shown(name, value)
    if measure.low is not None and said < measure.low:
        return Finding(name, value, "low", min(2.0, nearest / scale), sure)
    if measure.high is not None and said > measure.high:
        return Finding(name, value, "high", min(2.0, nearest / scale), sure)
    return Finding(name, value, "good", min(1.0, nearest / scale), sure)


def _scale(edges: list[float]) -> float:
    """Half the usual range; of a range with one edge, half that edge."""
    width = abs(edges[-1] - edges[0]) if len(edges) == 2 else abs(edges[0])
    return max(width / 2, 0.5)


def strengths(values: Values) -> list[Claim]:
    return _claims(values, good=True)[:MOST_STRENGTHS]


def weaknesses(values: Values) -> list[Claim]:
    return _claims(values, good=False)[:MOST_WEAKNESSES]


def _claims(values: Values, *, good: bool) -> list[Claim]:
    return [
        _claim(finding, values)
        for finding in findings(values)
        if (finding.side == "good") == good and _said(finding)
    ]


def _said(finding: Finding) -> bool:
    return finding.sure and bool(getattr(WORDS[finding.measure], finding.side))


def _claim(finding: Finding, values: Values) -> Claim:
    text: str = getattr(WORDS[finding.measure], finding.side)
    several = len(values.parts) > 1
    answer = "your answers" if several else "your answer"
    average = several and finding.measure in PER_ANSWER
    said = text.format(
        value=_value(finding),
        usual=usual(finding.measure),
        your_answer=answer,
        Your_answer=answer.capitalize(),
        average=" on average" if average else "",
    )
    evidence = values.evidence(finding.measure)
    if finding.measure == "completeness":
        for part in values.parts or [values]:
            evidence += _quotes(part)
    return Claim(id=f"{finding.measure}-{finding.side}", text=said, evidence=evidence)


def _value(finding: Finding) -> str:
    """The figure, but no nought percent: that a point was not found does not prove it missing."""
    if finding.measure == "completeness" and finding.value < HARDLY_ANY:
        return "hardly any"
    return figure(finding.measure, finding.value)


def _quotes(values: Values) -> list[Evidence]:
    """The points that were found, in the candidate's own words."""
    return [
        _quote(values, point.evidence)
        for point in _evaluation(values).points
        if point.found and point.evidence.quote
    ][:MOST_QUOTES]


def _quote(values: Values, span: TextSpan) -> Evidence:
    made = values.looked("completeness")
    made.start_ms = (span.start_us - values.origin_us) // 1000
    made.end_ms = (span.end_us - values.origin_us) // 1000
    made.quote = span.quote
    return made


def _evaluation(values: Values) -> AnswerEvaluation:
    asked = values.stretch.asked
    return asked.evaluation if asked and asked.evaluation else AnswerEvaluation()


# --- what to practise

UNSEEN = {
    "face_in_view": (
        "Let your face be seen next time.",
        "Set the camera at eye height with the light in front of you, and look at the preview "
        "before you start.",
    ),
    "phonation_ratio": (
        "Let your voice be heard next time.",
        "Check the microphone's level in the preview: read one sentence aloud and see the bar "
        "move.",
    ),
    "hands_in_view": (
        "Let your hands be seen next time.",
        "Sit an arm's length further from the camera, so that a gesture stays in the picture.",
    ),
}
"""Suggestions for what was not seen: (what, drill)."""


def suggestions(values: Values) -> list[Suggestion]:
    """Up to three, each with a drill: first what was outside its usual range, then what was
    not seen at all, then what was nearest to the edge. Fewer only when hardly anything was
    seen and heard."""
    found = [finding for finding in findings(values) if _drill_helps(finding)]
    weak = [finding for finding in found if finding.side != "good" and _said(finding)]
    rest = sorted(
        (finding for finding in found if finding not in weak),
        key=lambda finding: (finding.side == "good", finding.distance, finding.measure),
    )
    unseen = [
        Suggestion(id=measure, text=what, drill=drill, evidence=[values.looked(measure)])
        for measure, (what, drill) in UNSEEN.items()
        if not values.number(measure)
        and values.values[measure].not_seen not in (TOO_SHORT, NO_CAMERA, *NOT_ANALYSED)
        and not (measure == "phonation_ratio" and values.heard_at_all)
    ]
    made = [_suggestion(finding, values) for finding in weak]
    made += unseen + [_suggestion(finding, values) for finding in rest]
    return made[:MOST_SUGGESTIONS]


def _drill_helps(finding: Finding) -> bool:
    """What is good can be practised, and what lies on a side of which there is a word to say."""
    words = WORDS[finding.measure]
    if finding.side == "good":
        return bool(words.drill)
    said = getattr(words, finding.side)
    return bool(words.drill and said) and words.drill_for in ("", finding.side)


def _suggestion(finding: Finding, values: Values) -> Suggestion:
    return Suggestion(
        id=finding.measure,
        text=_aim(finding),
        drill=WORDS[finding.measure].drill + _missing_points(finding, values),
        evidence=values.evidence(finding.measure),
    )


def _aim(finding: Finding) -> str:
    """What to practise, from where to where; what is good already is to be kept."""
    now, range_ = _value(finding), usual(finding.measure)
    aim = WORDS[finding.measure].aim
    if finding.side == "good":
        return f"{aim}: {now} now, which is within what is usual ({range_}). Make it a habit."
    return f"{aim}: {now} now; {range_} is usual."


def _missing_points(finding: Finding, values: Values) -> str:
    """Of one answer: the point of most weight that was not found in it."""
    if finding.measure != "completeness" or values.parts:
        return ""
    missing = [point for point in _evaluation(values).points if not point.found]
    return f" Begin with this one: {missing[0].text.rstrip('.')}." if missing else ""
