"""All that is heard in one utterance: its words with their places, its filled pauses.

This is the part that takes time; it runs beside the stream (see transcription.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.voice import alignment, filled_pauses, transcriber, words
from services.voice.alignment import Scores
from services.voice.filled_pauses import Heard, Probabilities
from services.voice.loudness import FULL_SCALE
from services.voice.transcriber import States
from services.voice.utterances import Utterance


@dataclass(frozen=True, slots=True)
class Hearing:
    """Places are samples from the start of the sound."""

    tokens: list[int]
    words: list[Heard]
    fillers: list[Heard]
    """From sound and text; those of the text are among ``words`` too."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks on the encoder's states; training puts in others, to measure them."""

    letters: Callable[[States], Scores] = alignment.letter_scores
    fillers: Callable[[States], Probabilities] = filled_pauses.probabilities


SHIPPED = Networks()


def hear(
    utterance: Utterance,
    prefix: list[int],
    networks: Networks = SHIPPED,
) -> Hearing:
    """Listen to an utterance; ``prefix`` is text that is known already (see
    transcriber.transcribe). Filled pauses are looked for only where it ends in a pause or is
    final: an unfinished one is only shown, not counted."""
    signal = np.asarray(utterance.samples / FULL_SCALE, np.float32)
    transcript = transcriber.transcribe(signal[utterance.text_from :], prefix)
    spelled = transcript.words
    texts = [text for text, _ in spelled]
    places = alignment.align(networks.letters(transcript.states), texts)
    if places is None:
        first = utterance.start + utterance.text_from
        stretches = [(start - first, end - first) for start, end in utterance.stretches]
        places = words.spread([words.syllables(text) for text in texts], stretches)
    said = [
        Heard(
            text,
            start + utterance.text_from,
            end + utterance.text_from,
            confidence,
            words.is_filler(text),
        )
        for (text, confidence), (start, end) in zip(spelled, places, strict=True)
    ]
    if not (utterance.final or utterance.at_pause):
        return Hearing(transcript.tokens, said, [])
    sounds = filled_pauses.find(networks.fillers(transcriber.encode(signal)))
    return Hearing(transcript.tokens, said, filled_pauses.fuse(sounds, said))


def load() -> None:
    """Load the models now, not in the first utterance."""
    silence = transcriber.transcribe(np.zeros(transcriber.MIN_SAMPLES, np.float32)).states
    alignment.letter_scores(silence)
    filled_pauses.probabilities(silence)
