"""A data folder's recordings with all that is annotated of them, each observed once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import TranscriptSegment, VoiceEvent, VoiceState, Word

from services.runtime.analyzer import Observation
from services.runtime.media import MICROSECONDS, SAMPLE_RATE
from services.voice.pauses import PAUSE_SAMPLES
from training.data import Entry, manifest
from training.voice.dataset import annotated
from training.voice.sound import Samples, load, observe
from training.voice.synthesis import Spoken
from training.voice.texts import Reference, reference

PAUSE_SECONDS = PAUSE_SAMPLES / SAMPLE_RATE

FOLDERS = (
    "speech_clean",
    "speech_disfluent",
    "speech_meeting",
    "speech_emotion",
    "video_grid",
    "video_talking",
)

MAX_FILES = 40
"""Of a folder, evenly spread over it: the acted emotions are two sentences again and again."""

Figures = npt.NDArray[np.float64]
Span = tuple[float, float]
"""Seconds: start, end."""

_PERSON = re.compile(r"\bactor=(\w+)|_(spk\w+?)_")


@dataclass(frozen=True)
class Recording:
    """One file, what is known of it, and what the analyzer says."""

    folder: str
    entry: Entry
    text: Reference | None
    spoken: tuple[Spoken, ...]
    """Words with their times, where a TextGrid has them."""
    turns: tuple[Span, ...]
    """Speaker turns, where an RTTM file has them."""

    @property
    def samples(self) -> Samples:
        return load(self.entry.path)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def person(self) -> str:
        """Who speaks, as far as the folder tells; by recording where it does not."""
        if named := _PERSON.search(f"{self.entry.label} {self.entry.path.stem}"):
            return f"{self.folder} {named[1] or named[2]}"
        return self.folder if "one speaker" in self.entry.shows else self.entry.path.stem

    @property
    def sex(self) -> str:
        """woman or man, where the folder tells; else empty."""
        if named := re.search(r"\bsex=([fm])", self.entry.label):
            return {"f": "woman", "m": "man"}[named[1]]
        named = re.search(r"\bone (woman|man)\b", self.entry.shows)
        return named[1] if named else ""

    @property
    def seen(self) -> tuple[Observation, ...]:
        return _observed(self.entry.path)

    @property
    def live_text(self) -> str:
        """As transcribed for a candidate who watches: unfinished utterances first."""
        bodies = [seen.body for seen in observe(self.samples, live=True)]
        said = [body for body in bodies if isinstance(body, TranscriptSegment) and body.final]
        return " ".join(segment.text for segment in said)

    @property
    def said(self) -> str:
        """The whole transcript."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def segments(self) -> list[TranscriptSegment]:
        bodies = [seen.body for seen in self.seen]
        return [body for body in bodies if isinstance(body, TranscriptSegment) and body.final]

    @property
    def heard(self) -> list[Word]:
        return [word for segment in self.segments for word in segment.words]

    @property
    def states(self) -> list[VoiceState]:
        return [seen.body for seen in self.seen if isinstance(seen.body, VoiceState)]

    def events(self, kind: VoiceEvent.Type.ValueType) -> list[Span]:
        return [
            (seen.start_us / MICROSECONDS, seen.end_us / MICROSECONDS)
            for seen in self.seen
            if isinstance(seen.body, VoiceEvent) and seen.body.type == kind
        ]

    @property
    def speech(self) -> list[Span]:
        """Annotated speech: words with less than a pause between them, or turns."""
        spans = [(item.start / SAMPLE_RATE, item.end / SAMPLE_RATE) for item in self.spoken]
        return joined(spans or list(self.turns), PAUSE_SECONDS)


def joined(spans: list[Span], gap: float) -> list[Span]:
    """Spans in order, those with less than ``gap`` seconds between them made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] < gap:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def by_person(recordings: Sequence[Recording], figures: Sequence[Figures]) -> list[Figures]:
    """The figures [n, k] of each recording as those of each person, for intervals; of each
    recording where all are one person's."""
    groups: dict[str, list[Figures]] = {}
    for recording, part in zip(recordings, figures, strict=True):
        groups.setdefault(recording.person, []).append(part)
    return [np.concatenate(g) for g in groups.values()] if len(groups) > 1 else list(figures)


def gaps(spans: list[Span]) -> list[Span]:
    return [(before[1], after[0]) for before, after in pairwise(spans)]


def read(data: Path) -> list[Recording]:
    """The recordings of the folder that have sound."""
    found: list[Recording] = []
    for folder in FOLDERS:
        entries = list(manifest(data, folder))
        spoken_in_turns = turns([entry.path for entry in entries if entry.path.suffix == ".rttm"])
        entries = [entry for entry in entries if entry.has_audio and entry.duration_s]
        step = -(-len(entries) // MAX_FILES) if entries else 1
        for entry in entries[::step]:
            grid = entry.path.with_suffix(".TextGrid")
            found.append(
                Recording(
                    folder,
                    entry,
                    reference(entry),
                    tuple(annotated(grid)) if grid.exists() else (),
                    tuple(turns_of(entry.path.stem, spoken_in_turns)),
                )
            )
    return [recording for recording in found if len(recording.samples)]


def turns(files: list[Path]) -> dict[str, list[Span]]:
    """Speaker turns by recording (NIST RTTM: type, file, channel, start, duration, ...)."""
    turns: dict[str, list[Span]] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = line.split()
            if len(fields) > 4 and fields[0] == "SPEAKER":
                start = float(fields[3])
                turns.setdefault(fields[1], []).append((start, start + float(fields[4])))
    return turns


def turns_of(stem: str, turns: dict[str, list[Span]]) -> list[Span]:
    """A recording's turns; file names may carry the corpus' name in front."""
    return next(
        (spans for uri, spans in turns.items() if stem == uri or stem.endswith(f"_{uri}")), []
    )


@cache
def _observed(path: Path) -> tuple[Observation, ...]:
    return tuple(observe(load(path)))
