"""The recordings as practice interviews, with what their labels say is to be seen in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import av
from greenroom.v1.session_pb2 import Question

from services.runtime.questions import choose
from training.data import Entry, manifest
from training.fusion.sessions import Message, analyse, session

FOLDERS = {
    "video_talking": 99,
    "video_expression": 99,
    "video_headpose": 99,
    "video_gesture": 6,
    "video_grid": 3,
    "speech_clean": 99,
    "speech_meeting": 99,
}
"""How many files of each at most: the clips of one folder are alike."""

LEAST_SECONDS = 1.5
SESSION_SECONDS = 40.0
"""A recording is said over and over until it is this long: hints come after 15 s at the
earliest, and figures need their windows full."""

ROLE = "software engineer"


@dataclass(frozen=True)
class Practice:
    """One recording as a session with one question."""

    entry: Entry
    seconds: float
    """Of the recording itself."""
    stream: list[Message]

    @property
    def name(self) -> str:
        return f"{self.entry.path.parent.name}/{self.entry.path.name}"


def question() -> Question:
    return choose(None, None, ROLE, 1)[0]


def practices(data: Path) -> Iterator[Practice]:
    """The recordings that the folder has; those that can't be read are left out."""
    for folder, most in FOLDERS.items():
        taken = 0
        for entry in manifest(data, folder):
            if taken == most or (entry.duration_s or 0) < LEAST_SECONDS:
                continue
            try:
                heard = analyse(entry.path)
            except av.FFmpegError:
                continue
            taken += 1
            times = max(1, ceil(SESSION_SECONDS / max(heard.seconds, LEAST_SECONDS)))
            yield Practice(entry, heard.seconds, session([heard] * times, [question()]))
