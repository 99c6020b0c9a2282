"""Sentences with fillers by many invented speakers.

Hibari (Apache-2.0, distilled from Kokoro's voice "heart") tells its voice as a source (pitch)
and a filter (spectrum) before it makes sound of them. Moving both makes other people of it,
men and women, who speak livelier or flatter, faster or slower. A sentence is said phrase by
phrase with fillers between, so that the place of every filler is known; so are ordinary words
that are drawn out just like fillers ("sooo", "and") and are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from services.runtime.media import SAMPLE_RATE
from training.voice.sound import Samples
from training.voice.synthesis import GAP_SECONDS, SOFTER, Clip, Spoken, sentences

if TYPE_CHECKING:
    from hibari import Hibari

SEED = 13

FILLERS = {
    "um": ("ʌm", "ˈʌm", "ʌːm", "əm", "əːm", "ʌmː", "ɜːm", "hm", "hmm", "mː"),
    "uh": ("ʌ", "ˈʌ", "ʌː", "ʌh", "ə", "əː", "ɜː", "ɜɹ", "æː", "ɑː"),
}
"""In Kokoro's phonemes, as people say um, erm, hm and uh, er, ah."""
DRAWN_OUT = ("so", "and", "but", "the", "a", "I", "well", "then", "or", "to", "of", "hi", "my")
"""Ordinary words that people lengthen while they think."""

PHRASE_WORDS = (2, 8)
FILLER_SHARE = 0.6
DRAWN_OUT_SHARE = 0.2
"""Of the places between phrases; the rest is a pause."""

PITCH = (0.5, 1.35)
"""Of the voice's own 180 Hz: 90 to 240 Hz."""
TRACT_BY_PITCH = 0.3
"""A voice at half the pitch has its formants some 20% lower (Fitch and Giedd 1999)."""
TRACT_SPREAD = 0.06
LIVELINESS = (0.5, 1.4)
"""Pitch movement, times the voice's own."""
FLATNESS = (0.1, 0.6)
"""The same within a filler: they are said on one note."""
LOWER = (0.8, 1.0)
"""A filler's pitch beside the sentence's (Shriberg 1994: low in the speaker's range)."""
PACE = (0.8, 1.25)
FILLER_PACE = (0.35, 1.0)
AUDIBLE = 0.02
"""Of a phrase's peak: what is below at its ends is silence."""


@dataclass(frozen=True)
class Person:
    """How the voice is changed."""

    pitch: float
    tract: float
    liveliness: float
    pace: float


def invent(random: np.random.Generator) -> Person:
    pitch = float(np.exp(random.uniform(*np.log(PITCH))))
    tract = pitch**TRACT_BY_PITCH * float(np.exp(random.normal(0, TRACT_SPREAD)))
    return Person(pitch, tract, float(random.uniform(*LIVELINESS)), float(random.uniform(*PACE)))


class Speaker:
    """Hibari's voice, as a person's."""

    def __init__(self) -> None:
        from hibari import Hibari

        self._voice: Hibari = Hibari()

    def phonemes(self, text: str) -> str:
        return " ".join(self._voice.phonemize(text))

    def say(self, phonemes: str, person: Person, random: np.random.Generator) -> Samples:
        """The sound [n] at 16 kHz, without the silence around it."""
        from hibari import dsp

        ids = np.array([self._voice.ids(phonemes)], np.int64)
        speed = np.array([person.pace], np.float32)
        *spectra, pitch = (
            out[0] for out in self._voice.sess.run(None, {"ids": ids, "speed": speed})
        )
        bins = len(spectra[0])
        moved = np.minimum(np.arange(bins) / person.tract, bins - 1).astype(int)
        voiced = pitch > 0
        middle = float(np.median(pitch[voiced])) if voiced.any() else 0.0
        bent = person.pitch * (middle + person.liveliness * (pitch - middle))
        tone = np.where(voiced, bent, 0.0).astype(np.float32)
        wave = dsp.synth(*(part[moved] for part in spectra), tone, random)
        wave = soxr.resample(wave, dsp.SR, SAMPLE_RATE)
        audible = np.flatnonzero(np.abs(wave) > AUDIBLE * np.abs(wave).max())
        wave = wave[audible[0] : audible[-1] + 1]
        return np.asarray(np.clip(wave * 32767, -32768, 32767), np.int16)


def clips(data: Path, count: int) -> Iterator[Clip]:
    """``count`` sentences of the folder's texts, each by a person of its own."""
    random = np.random.default_rng(SEED)
    speaker = Speaker()
    pool = sentences(data)
    for number in range(count):
        words = pool[int(random.integers(len(pool)))].replace("-", " ").split()
        yield _clip(f"heart-{number}", words, speaker, random)


def _clip(name: str, words: list[str], speaker: Speaker, random: np.random.Generator) -> Clip:
    parts: list[Samples] = []
    spoken: list[Spoken] = []
    end = 0
    for sound, filler in _parts(words, speaker, random):
        start, end = end, end + len(sound)
        parts.append(sound)
        if filler:
            spoken.append(Spoken(filler, start, end, filler))
    return Clip(name, np.concatenate(parts), [], spoken, fillers_only=True)


def _parts(
    words: list[str], speaker: Speaker, random: np.random.Generator
) -> Iterator[tuple[Samples, str]]:
    """Phrases and what is between them: sound, and the filler's kind where it is one."""
    person = invent(random)
    while words:
        size = int(random.integers(*PHRASE_WORDS))
        phrase, words = words[:size], words[size:]
        yield _silence(random), ""
        chance = random.random()
        if chance < FILLER_SHARE + DRAWN_OUT_SHARE:
            kind = str(random.choice(sorted(FILLERS))) if chance < FILLER_SHARE else ""
            said = str(random.choice(FILLERS[kind] if kind else DRAWN_OUT))
            sound = speaker.say(
                said if kind else speaker.phonemes(said), _thinking(person, random), random
            )
            yield (sound * random.uniform(*SOFTER)).astype(np.int16), kind
            yield _silence(random), ""
        yield speaker.say(speaker.phonemes(" ".join(phrase)), person, random), ""


def _thinking(person: Person, random: np.random.Generator) -> Person:
    """The same person while looking for words."""
    return Person(
        person.pitch * float(random.uniform(*LOWER)),
        person.tract,
        float(random.uniform(*FLATNESS)),
        float(random.uniform(*FILLER_PACE)),
    )


def _silence(random: np.random.Generator) -> Samples:
    return np.zeros(int(random.uniform(*GAP_SECONDS) * SAMPLE_RATE), np.int16)
