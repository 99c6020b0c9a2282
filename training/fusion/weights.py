"""The table that the delivery model is made of: what each measure adds to each score.

The weights are a judgement, not a fit: no data set labels the delivery of practice
interviews openly. They are written down here so that anybody can check them, and the
model's variance holds each of them uncertain by a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One measure's part in a score."""

    measure: str
    weight: float
    """Beside the score's other parts; all together may add or take 50 points."""
    worst: float
    best: float
    """Values at which it takes them and adds them."""


WEIGHTS: dict[str, tuple[Part, ...]] = {
    "stress_signs": (
        # `best` is where the sign is strongest: the score counts signs of stress.
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
        Part("filled_pauses", 10, 12, 0),
        Part("pitch_variation", 8, 1, 4),
        Part("fidgeting", 8, 40, 0),
        Part("loudness_variation", 6, 1.5, 6),
        Part("response_delay", 6, 8, 1),
        Part("gesture_rate", 6, 0, 15),
        Part("phonation_ratio", 6, 35, 80),
    ),
    "fluency": (
        Part("speech_rate", 12, 80, 150),
        Part("filled_pauses", 12, 12, 0),
        Part("mean_run", 10, 3, 10),
        Part("disfluencies", 10, 10, 0),
        Part("pause_mean", 8, 1.6, 0.5),
        Part("filler_words", 8, 8, 0),
    ),
    "answer_quality": (
        Part("completeness", 18, 0, 80),
        Part("relevance", 16, 10, 90),
        Part("specificity", 10, 0, 60),
        Part("star_parts", 10, 0, 4),
        Part("vagueness", 6, 60, 0),
    ),
}

OWN_SHARE = {"stress_signs": 0.5, "confidence": 0.5, "fluency": 0.25, "answer_quality": 0.0}
"""How much the person's own baselines count beside the usual range. What is calm for one is
restless for another; an answer is judged against its question alone."""

WEIGHT_DOUBT = 0.25
"""Standard error of a weight, as a share of it."""

UNKNOWN_ERROR = 0.1
"""Standard error, in z, of a measure that has no interval of its own."""

UNSEEN_VARIANCE = 1 / 3
"""Of the z of a measure that was not seen: it may be anything from -1 to 1."""

SCORES = tuple(WEIGHTS)
INPUTS = tuple(sorted({part.measure for parts in WEIGHTS.values() for part in parts}))

MODALITY = {
    "face": ("blink_rate", "eye_contact", "looking_away"),
    "hands": ("fidgeting", "gesture_rate", "self_touch"),
    "voice": (
        "filled_pauses",
        "loudness_variation",
        "mean_run",
        "pause_mean",
        "phonation_ratio",
        "pitch_variation",
        "response_delay",
        "speech_rate",
    ),
    "words": (
        "completeness",
        "disfluencies",
        "filler_words",
        "relevance",
        "specificity",
        "star_parts",
        "vagueness",
    ),
}
"""What is lost together, for the ablation. The pace comes with the voice, whose text it is."""
