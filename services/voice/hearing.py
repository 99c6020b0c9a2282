"""All that is heard in one utterance: its words with their places, its filled pauses.

This is the part that takes time; it runs beside the stream (see transcription.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from services.runtime.media import SAMPLE_RATE
from services.voice import alignment, filled_pauses, transcriber, words
from services.voice.alignment import Scores
from services.voice.filled_pauses import Heard, Probabilities
from services.voice.loudness import FULL_SCALE
from services.voice.transcriber import ENCODER_STEP, States
from services.voice.utterances import Utterance


@dataclass(frozen=True, slots=True)
class Hearing:
    """Places are samples from the start of the sound."""

    tokens: list[int]
    starts: list[int]
    """Where in the tokens each word begins."""
    words: list[Heard]
    fillers: list[Heard]
    """From sound and text; those of the text are among ``words`` too."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks on the encoder's states; training puts in others, to measure them."""

    letters: Callable[[States], Scores] = alignment.letter_scores
    fillers: Callable[[States], Probabilities] = filled_pauses.probabilities


SHIPPED = Networks()


STEADY = 0.5
"""How much likelier (log) another token must be to displace one that is shown already: words
that are as good as each other must not flicker."""

FRAMES_A_LETTER = 1.0
"""A text for which the letters network hears letters in fewer frames (of 24 ms) was made up of
noise. In all recorded speech it hears 1.3 and more, in noise .3 by the median."""

SILENT = 0.75
SURE = 0.5
"""Where nothing is said the transcriber makes up a "You". It is less than SURE of it, and the
letters network finds silence in its place."""

LEAD_CONTEXT = SAMPLE_RATE
"""Sound after the lead that the encoder hears with it."""


def hear(
    utterance: Utterance,
    draft: list[int],
    networks: Networks = SHIPPED,
) -> Hearing:
    """Listen to an utterance; ``draft`` is what was heard of it before (see
    transcriber.transcribe). Filled pauses are looked for only where it ends in a pause or is
    final: an unfinished one is only shown, not counted."""
    signal = np.asarray(utterance.samples / FULL_SCALE, np.float32)
    text_from = utterance.text_from
    whole = utterance.final or utterance.at_pause
    transcript = transcriber.transcribe(
        signal[text_from:], draft, keep_within=0.0 if whole else STEADY
    )
    spelled = [word for word in transcript.words if words.normalize(word[0])]  # no notes
    texts = [text for text, _, _ in spelled]
    scores = networks.letters(transcript.states)
    letters = sum(len(words.normalize(text)) for text in texts)
    if alignment.letters_heard(scores) < FRAMES_A_LETTER * letters:
        spelled, texts = [], []
    places = alignment.align(scores, texts)
    if places is None:
        first = utterance.start + text_from
        stretches = [(max(a - first, 0), b - first) for a, b in utterance.stretches if b > first]
        places = words.spread([words.syllables(text) for text in texts], stretches)
    said, starts = [], []
    for (text, confidence, token), (start, end) in zip(spelled, places, strict=True):
        if confidence < SURE and alignment.silence(scores, start, end) > SILENT:
            continue  # made up
        filler = words.is_filler(text)
        said.append(Heard(text, start + text_from, end + text_from, confidence, filler))
        starts.append(token)
    if not whole:
        return Hearing(transcript.tokens, starts, said, [])
    # The part before the text is heard by itself: the rest was encoded for the text already.
    lead = transcriber.encode(signal[: text_from + LEAD_CONTEXT])
    states = np.concatenate([lead[: round(text_from / ENCODER_STEP)], transcript.states])
    sounds = filled_pauses.find(networks.fillers(states))
    return Hearing(transcript.tokens, starts, said, filled_pauses.fuse(sounds, said))


@cache
def load() -> None:
    """Load the models now, once a process, not in the first utterance."""
    silence = transcriber.transcribe(np.zeros(transcriber.MIN_SAMPLES, np.float32)).states
    alignment.letter_scores(silence)
    filled_pauses.probabilities(silence)
