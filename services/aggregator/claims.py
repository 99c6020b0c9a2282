"""What the measures mean, in words for the candidate: each with its evidence.

Written for a nervous reader: what was seen, no blame, no guess at feelings.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenroom.v1.report_pb2 import Claim, Evidence, Suggestion

from services.aggregator.values import Stretch, Values
from services.runtime.measures import MEASURES

MOST_STRENGTHS = MOST_WEAKNESSES = MOST_SUGGESTIONS = 3

MARGIN = 0.0
"""A measure exactly at its range's edge is within it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a measure: {value} is its figure with its unit."""

    good: str = ""
    low: str = ""
    high: str = ""
    drill: str = ""
    drill_low: str = ""
    """Where below the range asks for another exercise than above it."""
    importance: float = 1.0


WORDS: dict[str, Words] = {
    "completeness": Words(
        good="Your answers covered most of what a good answer holds ({value}).",
        low="Your answers covered {value} of what a good answer to these questions holds.",
        drill="Write down the points you want to make, three words each, then answer aloud and "
        "tick off what you said.",
        importance=1.6,
    ),
    "relevance": Words(
        good="You spoke to the question that was asked ({value}).",
        low="Parts of your answers were far from the question ({value} relevance).",
        drill="Begin your next answer by repeating the question in your own words, and end it by "
        "returning to it.",
        importance=1.6,
    ),
    "star_parts": Words(
        good="Your story had {value} of its four parts: situation, task, action, result.",
        low="Your story had {value} of its four parts: situation, task, action, result.",
        drill="Tell one story in four sentences: what it was like, what you had to do, what you "
        "did, what came of it. Then add detail to the third.",
        importance=1.4,
    ),
    "specificity": Words(
        good="You gave concrete details: numbers and names ({value}).",
        low="There were few numbers and names in your answers ({value}).",
        drill="Find one number and one name for each story you tell: how many, how long, which "
        "tool, which customer.",
        importance=1.2,
    ),
    "speech_rate": Words(
        good="You spoke at a pace that is easy to follow ({value}).",
        low="You spoke rather slowly ({value}; 110 to 180 is usual).",
        high="You spoke fast ({value}; 110 to 180 is usual).",
        drill="Read a paragraph aloud in one minute: 150 words. Feel that pace, then answer a "
        "question in it.",
        importance=1.3,
    ),
    "filled_pauses": Words(
        good="You used few or no 'um's and 'uh's ({value}).",
        high="You said 'um' or 'uh' {value}.",
        drill="Answer a question for one minute, and each time an 'um' wants to come, close your "
        "mouth and wait for a breath instead. A silent pause sounds thoughtful.",
        importance=1.2,
    ),
    "filler_words": Words(
        high="Fillers such as 'like' or 'you know' came up {value}.",
        drill="Record one answer, count the fillers, and give the same answer again with half.",
        importance=1.0,
    ),
    "pause_mean": Words(
        good="Your pauses were short enough to keep the thread ({value} on average).",
        high="Your pauses were long ({value} on average).",
        drill="Say the first sentence of your answer, pause for one breath, and go on. Practise "
        "until one breath is all you need.",
        importance=0.9,
    ),
    "eye_contact": Words(
        good="You looked towards the camera for much of your speaking ({value}).",
        low="You looked towards the camera for {value} of your speaking time.",
        high="You looked at the camera nearly all the time ({value}); a glance aside now and "
        "then is natural.",
        drill="Put a small mark beside the camera. Finish each sentence looking at it; while you "
        "think, look where you like.",
        importance=1.3,
    ),
    "blink_rate": Words(
        high="You blinked more often than is usual ({value}; 10 to 33 is). A dry or bright room "
        "does that too.",
        drill="Before the next practice, rest your eyes for a minute and check that no lamp "
        "shines into them.",
        importance=0.4,
    ),
    "looking_away": Words(
        high="You looked away {value}.",
        drill="Keep your notes next to the camera, so that a look at them is a small one.",
        importance=0.9,
    ),
    "fidgeting": Words(
        good="Your hands were calm.",
        high="Your hands made small repeated movements {value} of the time they were in view.",
        drill="Lay your hands loosely on the table between gestures, and let them come up only "
        "to show something.",
        importance=1.1,
    ),
    "self_touch": Words(
        high="A hand was at your face or hair {value} of the time.",
        drill="Hold a pen in the hand that wanders, for one answer; then do without it.",
        importance=1.0,
    ),
    "pitch_variation": Words(
        good="Your voice was lively ({value} of variation in pitch).",
        low="Your voice stayed near one pitch ({value} of variation; 2 to 6 is usual).",
        high="Your pitch moved a great deal ({value}; 2 to 6 is usual).",
        drill="Read a children's story aloud and overdo it. Then give your answer with half of "
        "that.",
        importance=0.9,
    ),
    "loudness": Words(
        low="You were hard to hear ({value}).",
        high="You were very loud for the microphone ({value}).",
        drill="Sit a hand's length closer to the microphone, or further away, and check the level "
        "bar before you start.",
        importance=0.8,
    ),
    "phonation_ratio": Words(
        low="There was much silence in your answers: you spoke {value} of the time.",
        drill="Outline the answer in ten seconds: three key words. Then speak from word to word.",
        importance=0.8,
    ),
    "face_in_view": Words(
        low="Your face was in view {value} of the time.",
        drill="Move the camera to eye height and sit so that head and shoulders are in the "
        "picture.",
        importance=0.7,
    ),
    "response_delay": Words(
        good="You began to answer without a long wait ({value}).",
        high="It took {value} before you began to answer.",
        drill="Buy time aloud: 'That is a good question; let me think of an example.' Then begin.",
        importance=0.8,
    ),
    "answer_time": Words(
        good="Your answer had a good length ({value}).",
        low="Your answer was short ({value}; one to two minutes is usual).",
        high="Your answer was long ({value}; one to two minutes is usual).",
        drill="Set a timer to 90 seconds and stop with your result when it rings.",
        importance=0.9,
    ),
    "disfluencies": Words(
        high="You started over or repeated words {value}.",
        drill="Think the sentence to its end before you begin it; short sentences are easier.",
        importance=0.9,
    ),
}

GENERAL = [
    Suggestion(
        id="listen",
        text="Listen to one of your answers.",
        drill="Give the same answer again tomorrow, and compare the two reports.",
    ),
    Suggestion(
        id="story",
        text="Have three stories ready.",
        drill="For a success, a failure and a conflict, write one line each for situation, task, "
        "action and result.",
    ),
    Suggestion(
        id="longer",
        text="Practise a little longer next time.",
        drill="Answer three questions of one to two minutes: the figures become more certain.",
    ),
]
"""When the measures give fewer than three."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A measure outside or inside its usual range, and by how much."""

    measure: str
    value: float
    side: str
    """good, low or high."""
    weight: float


def findings(values: Values) -> list[Finding]:
    """All measures that have words and a value, the most telling first."""
    found = []
    for name, words in WORDS.items():
        value = values.number(name)
        if value is None:
            continue
        side, distance = _place(name, value)
        if getattr(words, side):
            found.append(Finding(name, value, side, words.importance * (0.5 + distance)))
    return sorted(found, key=lambda finding: (-finding.weight, finding.measure))


def _place(name: str, value: float) -> tuple[str, float]:
    """(good, low or high; how far outside, or how far inside from the nearer edge)."""
    measure = MEASURES[name]
    scale = _scale(measure.low, measure.high)
    if measure.low is not None and value < measure.low - MARGIN:
        return "low", min(2.0, (measure.low - value) / scale)
    if measure.high is not None and value > measure.high + MARGIN:
        return "high", min(2.0, (value - measure.high) / scale)
    edges = [abs(value - edge) for edge in (measure.low, measure.high) if edge is not None]
    return "good", min(1.0, min(edges, default=0.0) / scale)


def _scale(low: float | None, high: float | None) -> float:
    if low is not None and high is not None:
        return (high - low) / 2
    edge = low if low is not None else high
    return max(abs(edge or 1.0) / 2, 0.5)


def figure(name: str, value: float) -> str:
    """A value with its unit, as people say it."""
    unit = MEASURES[name].unit
    match unit:
        case "%":
            return f"{value:.0f}%"
        case "/min":
            return _rate(value)
        case "/100 words":
            return f"{value:.0f} times in 100 words"
        case "of 4":
            return f"{value:.0f}"
        case "words/min":
            return f"{value:.0f} words a minute"
        case "s":
            return f"{value:.1f} seconds" if value < 10 else f"{value:.0f} seconds"
        case "semitones":
            return f"{value:.1f} semitones"
        case "":
            return f"{value:.0f}"
        case _:
            return f"{value:.1f} {unit}"


def _rate(per_minute: float) -> str:
    if per_minute == 0:
        return "none"
    if per_minute < 0.5:
        return "less than once a minute"
    return "about once a minute" if per_minute < 1.5 else f"{per_minute:.0f} times a minute"


def claim(finding: Finding, stretch: Stretch, start_us: int) -> Claim:
    words = WORDS[finding.measure]
    text = getattr(words, finding.side).format(value=figure(finding.measure, finding.value))
    return Claim(
        id=f"{finding.measure}-{finding.side}",
        text=text,
        evidence=[_evidence(finding, stretch, start_us)],
    )


def strengths(values: Values, stretch: Stretch, start_us: int) -> list[Claim]:
    good = [finding for finding in findings(values) if finding.side == "good"]
    return [claim(finding, stretch, start_us) for finding in good[:MOST_STRENGTHS]]


def weaknesses(values: Values, stretch: Stretch, start_us: int) -> list[Claim]:
    return [claim(finding, stretch, start_us) for finding in _weak(values)[:MOST_WEAKNESSES]]


def suggestions(values: Values, stretch: Stretch, start_us: int) -> list[Suggestion]:
    """Three, each with a drill; general ones where the measures give fewer."""
    made = [
        Suggestion(
            id=finding.measure,
            text=_aim(finding),
            drill=WORDS[finding.measure].drill,
            evidence=[_evidence(finding, stretch, start_us)],
        )
        for finding in _weak(values)[:MOST_SUGGESTIONS]
    ]
    return (made + GENERAL)[:MOST_SUGGESTIONS]


def _weak(values: Values) -> list[Finding]:
    return [finding for finding in findings(values) if finding.side != "good"]


def _aim(finding: Finding) -> str:
    measure = MEASURES[finding.measure]
    edge = measure.low if finding.side == "low" else measure.high
    assert edge is not None
    direction = "at least" if finding.side == "low" else "at most"
    return (
        f"{measure.name}: from {figure(finding.measure, finding.value)} towards "
        f"{direction} {figure(finding.measure, edge)}."
    )


def _evidence(finding: Finding, stretch: Stretch, start_us: int) -> Evidence:
    return Evidence(
        start_ms=(stretch.start_us - start_us) // 1000,
        end_ms=(stretch.end_us - start_us) // 1000,
        measure=finding.measure,
        value=finding.value,
    )
