"""Every measure in one place: what it is called, its unit, formula, source and usual range.

The report, the page and the documents take their words from here.
``python -m services.runtime.measures`` writes docs/measures.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measure:
    id: str
    name: str
    """In words for the candidate."""
    unit: str
    formula: str
    source: str
    low: float | None = None
    """The usual range, where there is one; outside it is not wrong, but worth a look."""
    high: float | None = None
    affect: bool = False
    """Left out everywhere when GREENROOM_AFFECT is off."""


SCORE = "the delivery model over the measures above: services/aggregator/models/delivery.md"

_ALL = [
    # --- face
    Measure(
        "eye_contact", "Eye contact while speaking", "%",
        "share of analysed frames with speech in which gaze is within 9 degrees of the "
        "camera's direction, which is learned in the first seconds; no upper end, as an "
        "unbroken look at a camera stares at nobody",
        "Gamer and Hecht 2007; Argyle and Dean 1965", 40, None,
    ),
    Measure(
        "smile", "Smiling", "%", "mean smile intensity (mouthSmile, AU12) over frames with a face",
        "Ekman and Friesen 1978", 5, 60, affect=True,
    ),
    Measure(
        "frown", "Frowning", "%", "mean of browDown, less where there "
        "is a smile, over frames with a face",
        "Ekman and Friesen 1978", None, 30, affect=True,
    ),
    Measure(
        "blink_rate", "Blinks", "/min", "blinks over minutes with a face in view",
        "Bentivoglio et al. 1997: 10-33 in conversation", 10, 33,
    ),
    Measure(
        "looking_away", "Looking away", "/min", "spells over 0.8 s off the camera's direction, "
        "over minutes in which that direction is known", "Gamer and Hecht 2007", None, 8,
    ),
    Measure("nods", "Nods", "/min", "nods over minutes with a face in view", "Hadar et al. 1983"),
    Measure(
        "brief_movements", "Brief facial movements", "/min", "40-500 ms departures of a "
        "blendshape from its running mean, over minutes with a face", "Yan et al. 2013",
        affect=True,
    ),
    Measure(
        "face_in_view", "Face in view", "%", "analysed frames with a face over analysed frames",
        "", 95, None,
    ),
    # --- gesture
    Measure(
        "hands_in_view", "Hands in view", "%", "time with a hand in view over analysed time", "",
    ),
    Measure(
        "movement", "Hand movement", "hands/s", "mean hand speed, in hand lengths (wrist to middle "
        "finger's root) per second, while hands are in view", "Pouw et al. 2020", None, 8,
    ),
    Measure(
        "gesture_rate", "Gestures", "/min", "gesture strokes over minutes with hands in view",
        "Kendon 2004",
    ),
    Measure(
        "fidgeting", "Fidgeting", "%", "time with small repeated hand movement (0.8-4.5 Hz; its "
        "rate is told rightly up to 2.5 Hz) over time with hands in view",
        "Mehrabian and Friedman 1986", None, 15,
    ),
    Measure(
        "self_touch", "Touching face or hair", "%", "frames with two fingertips at face or hair "
        "over frames with a face", "Mueller et al. 2019", None, 10,
    ),
    Measure(
        "pointing", "Pointing", "/min", "pointing held over 0.3 s, over minutes with hands", ""
    ),
    # --- voice
    Measure(
        "speech_rate", "Speech rate", "words/min", "words over time from the first to the last "
        "word, pauses over 2 s left out", "Tauroza and Allison 1990: 140-180 in interviews",
        110, 180,
    ),
    Measure(
        "articulation_rate", "Articulation rate", "syllables/s", "syllables over phonation time",
        "Goldman-Eisler 1968", 3.3, 5.9,
    ),
    Measure(
        "pause_rate", "Pauses", "/min", "pauses over 250 ms within speech, over minutes of "
        "speaking", "Goldman-Eisler 1968", None, 25,
    ),
    Measure(
        "pause_mean", "Length of a pause", "s", "mean length of pauses over 250 ms", "", 0.3, 1.2
    ),
    Measure(
        "filled_pauses", "Um and uh", "/min", "filled pauses, from sound and text, over minutes of "
        "speaking", "Bortfeld et al. 2001: about 2.6 in 100 words", None, 6,
    ),
    Measure(
        "filler_words", "Filler words", "/100 words", "fillers in the text over words, times 100",
        "Fox Tree 2006", None, 4,
    ),
    Measure(
        "pitch_variation", "Pitch variation", "semitones", "standard deviation of F0 over voiced "
        "windows of 0.2 s, in semitones about the median; the middle 90% of the windows",
        "Hincks 2005", 2.0, 6.0,
    ),
    Measure("pitch_median", "Pitch", "Hz", "median F0 over voiced windows", ""),
    Measure(
        "loudness_variation", "Loudness variation", "dB", "standard deviation of loudness over "
        "windows of speech; not given where the browser's automatic gain was at work", "", 2.5, 12,
    ),
    Measure("loudness", "Loudness", "dBFS", "mean loudness over windows of speech", "", -40, -12),
    Measure("breaths", "Audible breaths", "/min", "breaths over minutes of sound", "", None, 20),
    Measure(
        "phonation_ratio", "Share of speaking", "%", "time with speech over the answer's time",
        "de Jong and Wempe 2009", 40, 95,
    ),
    Measure(
        "mean_run", "Words without a pause", "words", "mean words between pauses over 250 ms",
        "Towell et al. 1996", 5, None,
    ),
    # --- answer and time
    Measure(
        "response_delay", "Delay before answering", "s", "question's start to the first speech, "
        "without what was paused", "Stivers et al. 2009", None, 4,
    ),
    Measure("answer_time", "Length of the answer", "s", "question's start to its end, "
            "without what was paused; of several answers the mean", "", 45, 150),
    Measure("words", "Words", "", "words of the answer", ""),
    Measure(
        "relevance", "Relevance", "%", "likeness of the answer's better half to the question and "
        "its expected points (MiniLM cosine, calibrated)", "Reimers and Gurevych 2019", 60, None,
    ),
    Measure(
        "completeness", "Expected points covered", "%", "expected points found, by weight", "",
        60, None,
    ),
    Measure("specificity", "Concrete detail", "%", "numbers and names per hundred words, 6 or more "
            "being 100%", "", 30, None),
    Measure("star_parts", "Parts of the story", "of 4", "situation, task, action, result: how many "
            "were found", "", 3, None),
    Measure("ownership", "Saying I", "%", "'I' among 'I' and 'we'", "", 40, None),
    Measure("vagueness", "Vague words", "%", "words such as thing, stuff, etc., 6 in a hundred "
            "being 100%", "", None, 40),
    Measure(
        "disfluencies", "Repetitions and repairs", "/100 words", "repetitions and repairs over "
        "words, times 100", "Shriberg 1994", None, 5,
    ),
    # --- scores
    Measure("stress_signs", "Signs of stress", "0-100", SCORE, "",
            affect=True),
    Measure("confidence", "Confident delivery", "0-100", SCORE, "",
            affect=True),
    Measure("fluency", "Fluency", "0-100", SCORE, ""),
    Measure("answer_quality", "Answer", "0-100", SCORE, ""),
]  # fmt: skip

MEASURES: dict[str, Measure] = {measure.id: measure for measure in _ALL}


# --- docs/measures.md

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "measures.md"

PREFACE = """# What is measured

Each measure comes per question and for the whole interview, with a 95% interval where it is an
estimate. What was not seen or heard has no figure, but the reason: less than 3 seconds of a face,
of hands or of speech say nothing, events a minute need 10 seconds, and the pace needs 8 words.
Of the whole interview, measures of an answer are the mean of the answers. What the candidate
paused is left out, and so is a lost connection. A usual range is what most people do; outside it
is not wrong, but worth a look. Measures marked *affect* are left out everywhere with
`GREENROOM_AFFECT=off`.

This file is written by `python -m services.runtime.measures`.

| measure | name | unit | formula | usual | source | affect |
| --- | --- | --- | --- | --- | --- | --- |
"""


def usual(measure: Measure) -> str:
    """The usual range in figures; empty when there is none."""
    if measure.low is not None and measure.high is not None:
        return f"{measure.low:g} to {measure.high:g}"
    if measure.low is not None:
        return f"{measure.low:g} or more"
    return f"{measure.high:g} or less" if measure.high is not None else ""


def document() -> str:
    """docs/measures.md."""
    return PREFACE + "".join(
        f"| `{each.id}` | {each.name} | {each.unit} | {each.formula} | {usual(each)} "
        f"| {each.source} | {'affect' if each.affect else ''} |\n"
        for each in _ALL
    )


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document())
