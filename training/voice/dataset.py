"""Recordings with their words and fillers, and the encoder's states of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE
from services.voice import words
from services.voice.alignment import SILENCE, spell
from services.voice.clock import StreamClock
from services.voice.highpass import HighPass
from services.voice.loudness import FULL_SCALE
from services.voice.transcriber import ENCODER_STEP, States, encode
from services.voice.utterances import Utterance, Utterances
from services.voice.vad import VoiceActivity
from training.data import manifest
from training.voice import texts
from training.voice.sound import Samples, chunks, load
from training.voice.synthesis import Clip, Spoken
from training.voice.textgrid import tiers

CLASSES = ("", "um", "uh")
"""Of the filled-pause network: none, um, uh."""

FOLDERS = ("speech_disfluent", "speech_clean", "video_grid")
"""Whose recordings of tiers A and B are trained on."""

MAX_SECONDS = 12.0
"""Longer recordings are cut into utterances, as in life."""

IGNORED = -1


@dataclass(frozen=True)
class Example:
    """One stretch of sound as the networks see it."""

    name: str
    states: States
    """[n, 288]"""
    letters: npt.NDArray[np.int64]
    """[n] letter classes; IGNORED where the word's time is unknown."""
    fillers: npt.NDArray[np.int64]
    """[n] index into CLASSES; IGNORED likewise."""
    text: list[str]


def recorded(data: Path) -> list[Clip]:
    """The folder's recordings with a text that a person wrote; times where a TextGrid has
    them."""
    found: list[Clip] = []
    for folder in FOLDERS:
        for entry in manifest(data, folder):
            wanted = texts.reference(entry)
            if wanted is None or wanted.weak or entry.tier not in ("A", "B"):
                continue
            if "cutoff" in entry.label:
                continue
            grid = entry.path.with_suffix(".TextGrid")
            spoken = annotated(grid) if grid.exists() else []
            samples = HighPass().push(load(entry.path))
            found.append(Clip(entry.path.name, samples, wanted.words, spoken))
    return found


def annotated(grid: Path) -> list[Spoken]:
    """The words of a TextGrid."""
    return [
        Spoken(
            item.text,
            round(item.start * SAMPLE_RATE),
            round(item.end * SAMPLE_RATE),
            words.filler_kind(item.text) if words.is_filler(item.text) else "",
        )
        for item in tiers(grid)["words"]
        if item.text.strip()
    ]


def examples(clip: Clip) -> list[Example]:
    """The clip's states, as a whole or by utterance, with labels by frame."""
    if len(clip.samples) <= MAX_SECONDS * SAMPLE_RATE:
        return [_example(clip, clip.samples, 0)]
    if not clip.spoken:
        return []
    return [
        _example(clip, utterance.samples, utterance.start) for utterance in utterances(clip.samples)
    ]


def utterances(samples: Samples) -> list[Utterance]:
    """What the live analyzer would transcribe of filtered sound."""
    clock, activity = StreamClock(), VoiceActivity()
    cutter = Utterances(clock)
    found = []
    for pcm in chunks(samples):
        clock.lay(pcm)
        found += cutter.push(pcm.samples, activity.push(pcm.samples))
    return [utterance for utterance in [*found, *cutter.finish()] if utterance.final]


def _example(clip: Clip, samples: Samples, start: int) -> Example:
    states = encode(np.asarray(samples / FULL_SCALE, np.float32))
    inside = [
        Spoken(item.text, item.start - start, item.end - start, item.filler)
        for item in clip.spoken
        if start <= (item.start + item.end) // 2 < start + len(samples)
    ]
    timed = bool(clip.spoken) and not clip.fillers_only
    letters = np.full(len(states), SILENCE if timed else IGNORED)
    fillers = np.full(len(states), 0 if clip.spoken or not _has_fillers(clip) else IGNORED)
    for item in inside:
        frames = _frames(item.start, item.end, len(states))
        if timed:
            letters[frames] = spread(spell(item.text), frames.stop - frames.start)
        if item.filler:
            fillers[frames] = CLASSES.index(item.filler)
    text = [item.text for item in inside] if clip.spoken else clip.text
    return Example(clip.name, states, letters, fillers, text)


def _has_fillers(clip: Clip) -> bool:
    return any(words.is_filler(word) for word in clip.text)


def _frames(start: int, end: int, count: int) -> slice:
    """The frames whose middle lies in start..end, at least one."""
    first = min(max(round(start / ENCODER_STEP), 0), count - 1)
    return slice(first, min(max(round(end / ENCODER_STEP), first + 1), count))


def spread(letters: list[int], frames: int) -> npt.NDArray[np.int64]:
    """A word's letters evenly over its frames."""
    if not letters:
        return np.full(frames, SILENCE)
    return np.array(letters)[np.arange(frames) * len(letters) // frames]
