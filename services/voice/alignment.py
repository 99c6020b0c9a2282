"""Word times: the transcript's letters laid along the encoder's states.

The decoder's attention is not to be had from the packaged model, so a small network
trained here (models/letters.md) says for each 24 ms of the encoder's states which letter,
or silence, is being said. Viterbi's search then finds the best way through the known text.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.voice.transcriber import ENCODER_STEP, States
from services.voice.words import normalize

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SILENCE = 0
"""The network's classes: silence, then LETTERS."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

FLOOR = -12.0
"""Log probability below which a class counts no less: one bad frame must not decide."""

Scores = npt.NDArray[np.float32]


@cache
def _session() -> ort.InferenceSession:
    return models.session("voice", "letters")


def letter_scores(states: States) -> Scores:
    """Log probabilities [n, 1 + len(LETTERS)] for encoder states [n, 288]."""
    scores = _session().run(None, {"states": states[None]})[0][0]
    return np.asarray(np.maximum(scores, FLOOR))


def spell(word: str) -> list[int]:
    """A word's classes; digits are spelt as read one by one, a word without any is silent."""
    plain = "".join(DIGITS[int(sign)] if sign.isdigit() else sign for sign in normalize(word))
    return [LETTERS.index(sign) + 1 for sign in plain]


def align(scores: Scores, words: list[str]) -> list[tuple[int, int]] | None:
    """Each word's first and last-but-one sample, from the start of the sound.

    None when the words can't be laid on so few frames. Every letter but one in a row may be
    passed over (many are silent), silence is free to stand between words.
    """
    sequence, owners = [SILENCE], [-1]
    for index, word in enumerate(words):
        letters = spell(word)
        sequence += [*letters, SILENCE]
        owners += [index] * len(letters) + [-1]
    path = _viterbi(scores, np.array(sequence), np.array(owners))
    if path is None:
        return None
    said = np.array(owners)[path]
    places: list[tuple[int, int]] = []
    last = 0
    for index in range(len(words)):
        frames = np.flatnonzero(said == index)
        start, end = (frames[0], frames[-1] + 1) if len(frames) else (last, last)
        places.append((int(start) * ENCODER_STEP, int(end) * ENCODER_STEP))
        last = end
    return places


def letters_heard(scores: Scores) -> float:
    """In how many of the frames a letter is heard, each by its probability."""
    return float((1 - np.exp(scores[:, SILENCE])).sum())


def silence(scores: Scores, start: int, end: int) -> float:
    """The mean probability of silence in a place, 0..1."""
    first = min(start // ENCODER_STEP, len(scores) - 1)
    part = scores[first : max(end // ENCODER_STEP, first + 1), SILENCE]
    return float(np.exp(part).mean())


def _viterbi(
    scores: Scores, sequence: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """The best place in the sequence for each frame; places go on by 0, 1 or 2."""
    frames, places = len(scores), len(sequence)
    emitted = scores[:, sequence]
    alone = np.zeros(places, bool)  # a word of one letter, which may not be passed over
    alone[1:-1] = (owners[1:-1] >= 0) & (owners[:-2] != owners[1:-1]) & (owners[2:] != owners[1:-1])
    no_skip = np.zeros(places, bool)
    no_skip[:2] = True
    no_skip[2:] = alone[1:-1]
    best = np.full(places, -np.inf, np.float32)
    best[: min(2, places)] = emitted[0, : min(2, places)]
    moves = np.zeros((frames, places), np.int8)
    for frame in range(1, frames):
        options = np.full((3, places), -np.inf, np.float32)
        options[0] = best
        options[1, 1:] = best[:-1]
        options[2, 2:] = best[:-2]
        options[2, no_skip] = -np.inf
        moves[frame] = options.argmax(axis=0)
        best = options.max(axis=0) + emitted[frame]
    place = places - 1 if places < 2 or best[-1] >= best[-2] else places - 2
    if not np.isfinite(best[place]):
        return None
    path = np.zeros(frames, np.int64)
    for frame in range(frames - 1, -1, -1):
        path[frame] = place
        place -= int(moves[frame, place])
    return path
