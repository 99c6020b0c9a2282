"""Four scores, each a sum of what measures add or take: transparent, with its uncertainty.

``score = 50 + sum(weight * z)``, clipped to 0..100. A measure's ``z`` in -1..1 says how
far it is from its usual range's middle in the good direction: +1 at the good edge, 0 in
the middle, -1 at the bad edge. Where the person's own first minute is known, stress signs
and confidence compare with it as much as with the usual range. A measure that was not
seen adds nothing and widens the interval by half its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from greenroom.v1.report_pb2 import Evidence, Score

from services.aggregator.values import Stretch, Values
from services.runtime.measures import MEASURES

NEUTRAL = 50.0
OWN_SHARE = 0.5
"""How much the person's own baseline counts beside the usual range."""

MIN_SHARE = 0.4
"""Of a score's weights, that much must have been seen: hands alone tell no confidence."""

Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Part:
    measure: str
    weight: float
    worst: float
    best: float
    """Values at which z is -1 and +1."""


SCORES: dict[str, tuple[Part, ...]] = {
    "stress_signs": (
        # Here `best` is where the sign is strongest: the score counts signs of stress.
        Part("filled_pauses", 12, 0, 12),
        Part("fidgeting", 12, 0, 40),
        Part("self_touch", 8, 0, 25),
        Part("blink_rate", 8, 10, 45),
        Part("looking_away", 8, 0, 14),
        Part("disfluencies", 8, 0, 10),
        Part("speech_rate", 6, 130, 200),
    ),
    "confidence": (
        Part("eye_contact", 14, 20, 80),
        Part("pitch_variation", 8, 1, 4),
        Part("loudness_variation", 6, 1.5, 6),
        Part("filled_pauses", 10, 12, 0),
        Part("response_delay", 6, 8, 1),
        Part("gesture_rate", 6, 0, 15),
        Part("fidgeting", 8, 40, 0),
        Part("phonation_ratio", 6, 35, 80),
    ),
    "fluency": (
        Part("speech_rate", 12, 80, 150),
        Part("mean_run", 10, 3, 10),
        Part("pause_mean", 8, 1.6, 0.5),
        Part("filled_pauses", 12, 12, 0),
        Part("filler_words", 8, 8, 0),
        Part("disfluencies", 10, 10, 0),
    ),
    "answer_quality": (
        Part("relevance", 16, 10, 90),
        Part("completeness", 18, 0, 80),
        Part("specificity", 10, 0, 60),
        Part("star_parts", 10, 0, 4),
        Part("vagueness", 6, 60, 0),
    ),
}

AGAINST_OWN = {"stress_signs", "confidence"}


def scores(
    values: Values, stretch: Stretch, start_us: int, baseline: Values | None, *, affect: bool
) -> list[Score]:
    """All scores of a stretch; the affect ones left out when affect is off.

    start_us: of the session, for the evidence's times.
    """
    return [
        _score(name, parts, values, stretch, start_us, baseline)
        for name, parts in SCORES.items()
        if affect or not MEASURES[name].affect
    ]


def _score(
    name: str,
    parts: tuple[Part, ...],
    values: Values,
    stretch: Stretch,
    start_us: int,
    baseline: Values | None,
) -> Score:
    made = Score(score=name)
    total, variance, missing = NEUTRAL, 0.0, 0.0
    for part in parts:
        value = values.number(part.measure)
        if value is None:
            missing += part.weight
            continue
        own = baseline.number(part.measure) if baseline and name in AGAINST_OWN else None
        added = part.weight * _z(part, value, own)
        total += added
        variance += (part.weight * _z_error(part, values)) ** 2
        made.contributions[part.measure] = round(added, 2)
        made.evidence.append(
            Evidence(
                start_ms=(stretch.start_us - start_us) // 1000,
                end_ms=(stretch.end_us - start_us) // 1000,
                measure=part.measure,
                value=value,
            )
        )
    if missing > (1 - MIN_SHARE) * sum(part.weight for part in parts):
        made.ClearField("evidence")
        made.ClearField("contributions")
        made.not_seen = "too little was seen and heard for this score"
        return made
    half = Z95 * math.sqrt(variance) + missing / 2
    made.value = round(min(100.0, max(0.0, total)), 1)
    made.low = round(min(100.0, max(0.0, total - half)), 1)
    made.high = round(min(100.0, max(0.0, total + half)), 1)
    return made


def _z(part: Part, value: float, own: float | None) -> float:
    middle, half = (part.best + part.worst) / 2, (part.best - part.worst) / 2
    usual = (value - middle) / half
    if own is None:
        return _clip(usual)
    return (1 - OWN_SHARE) * _clip(usual) + OWN_SHARE * _clip((value - own) / half)


def _z_error(part: Part, values: Values) -> float:
    """Standard error of z, from the measure's interval."""
    found = values.values[part.measure]
    if not found.HasField("low"):
        return 0.1  # no interval of its own: a fifth of the range, edge to edge
    return (found.high - found.low) / (2 * Z95) / abs((part.best - part.worst) / 2)


def _clip(value: float) -> float:
    return min(1.0, max(-1.0, value))
