"""Level: loudness in dBFS, the noise floor, clipping, and microphones that are dead."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32768.0
SILENCE_DBFS = -96.3
"""What 16 bits can't go below; digital silence is told as this level."""

DEAD_PEAK = 2
"""A muted or dead microphone gives zeros, or a bit of dither; Opus makes up to 2 of it."""

CLIP_PEAK = 32_700
CLIP_RUN = 3
"""Samples in a row at full scale that make a clipped peak; one alone may be a true peak."""

NOISE_CHUNKS = 125
"""Chunks without speech that the noise floor is taken from: 5 s of 40 ms."""
NOISE_QUANTILE = 0.25
"""The floor is low among them: breaths and the ends of words are there too."""
NOISE_MIN_CHUNKS = 12
"""Half a second before a floor is told at all."""

SPEECH_CHUNKS = 125
"""Chunks of speech that the speech level is the median of: 5 s."""
SPEECH_MIN_CHUNKS = 75
"""Three seconds before the level is judged."""

QUIET_DBFS = -45.0
"""Median speech below this is hard to hear: 20 dB under the usual -25 dBFS of calls."""
NOISY_SNR_DB = 10.0
"""Below this, speech over noise loses words for people and for the transcriber."""
CLIPPED_SHARE = 0.02
"""Share of speech chunks with clipped peaks that is told."""
REPEAT_CHUNKS = 750
"""A warning comes again at most every 30 s of speech."""


def dbfs(rms: float) -> float:
    """RMS of samples in -1..1 to decibels of full scale."""
    return max(20.0 * float(np.log10(max(rms, 1e-10))), SILENCE_DBFS)


def rms(samples: npt.NDArray[np.int16]) -> float:
    """Root mean square, 0..1."""
    if not len(samples):
        return 0.0
    scaled = samples.astype(np.float32) / FULL_SCALE
    return float(np.sqrt(np.mean(scaled * scaled)))


def is_dead(samples: npt.NDArray[np.int16]) -> bool:
    """True for digital silence."""
    return not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= DEAD_PEAK


def is_clipped(samples: npt.NDArray[np.int16]) -> bool:
    at_limit = np.abs(samples.astype(np.int32)) >= CLIP_PEAK
    if at_limit.sum() < CLIP_RUN:
        return False
    runs = np.convolve(at_limit, np.ones(CLIP_RUN, np.int32), "valid")
    return bool((runs >= CLIP_RUN).any())


class Levels:
    """The newest levels, and what is low or high among them.

    Much quicker than numpy's percentile, which would cost 1% of a core here.
    """

    def __init__(self, size: int) -> None:
        self._ring = np.zeros(size)
        self._seen = 0

    def push(self, level: float) -> None:
        self._ring[self._seen % len(self._ring)] = level
        self._seen += 1

    def __len__(self) -> int:
        return min(self._seen, len(self._ring))

    def quantile(self, share: float) -> float:
        """The level that this share of the levels is below; there must be one at least."""
        ordered = np.sort(self._ring[: len(self)])
        return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


@dataclass(frozen=True, slots=True)
class Warning:
    """Something about the level that the candidate can put right."""

    detail: str
    """too_quiet, clipping or noisy"""
    level_dbfs: float


class LevelMeter:
    """Chunk by chunk; holds one stream's state."""

    def __init__(self) -> None:
        self._noise = Levels(NOISE_CHUNKS)
        self._speech = Levels(SPEECH_CHUNKS)
        self._clipped: deque[bool] = deque(maxlen=SPEECH_CHUNKS)
        self._since: dict[str, int] = {}

    def push(
        self,
        raw: npt.NDArray[np.int16],
        samples: npt.NDArray[np.int16],
        *,
        voice: bool,
        quiet: bool,
    ) -> list[Warning]:
        """Take a chunk that was heard (not concealed), as it came and without rumble;
        returns what should be told now. ``voice``: it is all voice; ``quiet``: no speech."""
        if is_dead(raw):
            return []
        level = dbfs(rms(samples))
        if quiet:
            self._noise.push(level)
        if not voice:
            return []
        self._speech.push(level)
        self._clipped.append(is_clipped(raw))
        self._since = {detail: chunks + 1 for detail, chunks in self._since.items()}
        return [warning for warning in self._judge() if self._due(warning.detail)]

    @property
    def noise_dbfs(self) -> float | None:
        """The floor; None until half a second without speech was heard."""
        if len(self._noise) < NOISE_MIN_CHUNKS:
            return None
        return self._noise.quantile(NOISE_QUANTILE)

    @property
    def speech_dbfs(self) -> float | None:
        """The median level of speech; None until three seconds of it were heard."""
        if len(self._speech) < SPEECH_MIN_CHUNKS:
            return None
        return self._speech.quantile(0.5)

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
        if self._since.get(detail, REPEAT_CHUNKS) < REPEAT_CHUNKS:
            return False
        self._since[detail] = 0
        return True
