"""Filled pauses (um, uh) from the sound itself: transcribers are trained to leave them out.

A small network trained here (models/filled_pause.md) reads the transcriber's encoder
states; what it hears is then held against the transcript.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.voice.transcriber import ENCODER_STEP, States

KINDS = ("um", "uh")
"""The network's classes after the first, which is none."""

THRESHOLD = 0.5
MERGE_FRAMES = 3
"""A dip of less than 72 ms does not end a filled pause."""
MIN_FRAMES = 5
"""120 ms: shorter ones are said, but are not told from an unstressed "a"."""

SURE_WORD = 0.7
SURE_SOUND = 0.8
"""Where the transcript has an ordinary word with more than SURE_WORD, the sound must be surer
than this to be a filled pause."""

COVERED = 0.5
"""Of a filled pause, to lie on a word."""

TEXT_CONFIDENCE = 0.8
"""How far a filler in the text alone is trusted."""

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """A word or a filled pause; places in samples from the start of the sound."""

    text: str
    start: int
    end: int
    confidence: float
    filler: bool


@cache
def _session() -> ort.InferenceSession:
    return models.session("voice", "filled_pause")


def probabilities(states: States) -> Probabilities:
    """[n, 3] none, um, uh, for encoder states [n, 288]."""
    return np.asarray(np.exp(_session().run(None, {"states": states[None]})[0][0]))


def find(scores: Probabilities) -> list[Heard]:
    """The filled pauses in a network's answer."""
    filled = 1.0 - scores[:, 0]
    runs: list[list[int]] = []
    for frame in np.flatnonzero(filled >= THRESHOLD):
        if runs and frame - runs[-1][1] <= MERGE_FRAMES:
            runs[-1][1] = int(frame)
        else:
            runs.append([int(frame), int(frame)])
    found = []
    for first, last in runs:
        if last - first + 1 >= MIN_FRAMES:
            part = scores[first : last + 1]
            kind = KINDS[int(part[:, 1:].sum(axis=0).argmax())]
            sure = float((1.0 - part[:, 0]).mean())
            found.append(Heard(kind, first * ENCODER_STEP, (last + 1) * ENCODER_STEP, sure, True))
    return found


def fuse(sounds: Sequence[Heard], words: Sequence[Heard]) -> list[Heard]:
    """Filled pauses of the sound and fillers of the text as one list, in order.

    One that both have is told once, with the sound's place. A sound under an ordinary word
    counts only when it is surer than the word.
    """
    ordinary = [word for word in words if not word.filler]
    fillers = [word for word in words if word.filler]
    kept = [sound for sound in sounds if not _is_word(sound, ordinary)]
    alone = [word for word in fillers if not any(_overlap(word, sound) for sound in kept)]
    agreed = [
        Heard(s.text, s.start, s.end, max(s.confidence, TEXT_CONFIDENCE), True)
        if any(_overlap(s, word) for word in fillers)
        else s
        for s in kept
    ]
    said = [Heard(w.text, w.start, w.end, TEXT_CONFIDENCE * w.confidence, True) for w in alone]
    return sorted([*agreed, *said], key=lambda found: found.start)


def _is_word(sound: Heard, words: Sequence[Heard]) -> bool:
    return sound.confidence < SURE_SOUND and any(
        word.confidence > SURE_WORD and _overlap(sound, word) > COVERED * (sound.end - sound.start)
        for word in words
    )


def _overlap(one: Heard, other: Heard) -> int:
    return max(min(one.end, other.end) - max(one.start, other.start), 0)
