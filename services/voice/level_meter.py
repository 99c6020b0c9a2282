"""The levels of speech and of the room, and what the candidate can put right about them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.voice.loudness import Levels, is_clipped, is_dead
from services.voice.vad import FRAME, VadFrame

NOISE_FRAMES = 156
"""Frames without speech that the noise floor is taken from: 5 s of 32 ms."""
NOISE_QUANTILE = 0.25
"""The floor is low among them: breaths and the ends of words are there too."""
NOISE_MIN_FRAMES = 16
"""Half a second before a floor is told at all."""

SPEECH_FRAMES = 156
"""Frames of voice that the speech level is the median of: 5 s."""
SPEECH_MIN_FRAMES = 94
"""Three seconds before the level is judged."""

QUIET_DBFS = -45.0
"""Median speech below this is hard to hear: 20 dB under the usual -25 dBFS of calls."""
NOISY_SNR_DB = 10.0
"""Below this, speech over noise loses words for people and for the transcriber."""
CLIPPED_SHARE = 0.02
"""Share of frames of voice with clipped peaks that is told."""
REPEAT_FRAMES = 938
"""A warning comes again at most every 30 s of voice."""


@dataclass(frozen=True, slots=True)
class Warning:
    """Something about the level that the candidate can put right."""

    detail: str
    """too_quiet, clipping or noisy"""
    level_dbfs: float


class LevelMeter:
    """Frame by frame; holds one stream's state."""

    def __init__(self) -> None:
        self._raw = np.zeros(0, np.int16)
        """What has come since the last frame's end."""
        self._noise = Levels(NOISE_FRAMES)
        self._speech = Levels(SPEECH_FRAMES)
        self._clipped: deque[bool] = deque(maxlen=SPEECH_FRAMES)
        self._since: dict[str, int] = {}

    def push(self, raw: npt.NDArray[np.int16], frames: Iterable[VadFrame]) -> list[Warning]:
        """Take the next samples as they came, with their rumble, and the frames that they
        complete; returns what should be told now."""
        self._raw = np.concatenate([self._raw, raw])
        found: list[Warning] = []
        for frame in frames:
            of_frame, self._raw = self._raw[:FRAME], self._raw[FRAME:]
            if not frame.lost and not is_dead(of_frame):
                found += self._frame(of_frame, frame)
        return found

    @property
    def noise_dbfs(self) -> float | None:
        """The floor; None until half a second without speech was heard."""
        if len(self._noise) < NOISE_MIN_FRAMES:
            return None
        return self._noise.quantile(NOISE_QUANTILE)

    @property
    def speech_dbfs(self) -> float | None:
        """The median level of voice; None until three seconds of it were heard."""
        if len(self._speech) < SPEECH_MIN_FRAMES:
            return None
        return self._speech.quantile(0.5)

    def _frame(self, raw: npt.NDArray[np.int16], frame: VadFrame) -> list[Warning]:
        if not frame.speech:
            self._noise.push(frame.level_dbfs)
        if not frame.voice:
            return []
        self._speech.push(frame.level_dbfs)
        self._clipped.append(is_clipped(raw))
        self._since = {detail: frames + 1 for detail, frames in self._since.items()}
        return [warning for warning in self._judge() if self._due(warning.detail)]

    def _judge(self) -> list[Warning]:
        level, noise = self.speech_dbfs, self.noise_dbfs
        if level is None:
            return []
        found = []
        if level < QUIET_DBFS:
            found.append(Warning("too_quiet", level))
        if sum(self._clipped) / len(self._clipped) >= CLIPPED_SHARE:
            found.append(Warning("clipping", level))
        if noise is not None and level - noise < NOISY_SNR_DB:
            found.append(Warning("noisy", noise))
        return found

    def _due(self, detail: str) -> bool:
        if self._since.get(detail, REPEAT_FRAMES) < REPEAT_FRAMES:
            return False
        self._since[detail] = 0
        return True
