"""Audible breaths: soft noise between words that is neither voice nor click.

No model was found and no labels exist here to train one, so this is a rule on what breath
is: broadband like noise, without pitch, well above the floor, slower to come and go than
clicks and longer than the s or f that begins a word (Ruinskiy and Lavner 2007 use the same
cues).
"""

import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE
from services.voice.loudness import FULL_SCALE, Levels
from services.voice.pauses import Stretch
from services.voice.vad import FRAME, VadFrame

LEVEL_FRAMES = 156
"""Frames that the floor is taken from: 5 s, as in voice activity."""
FLOOR_QUANTILE = 0.1
ABOVE_FLOOR_DB = 12.0
"""A breath that people hear; the floor itself swings by some 6 dB."""
AUDIBLE_DBFS = -65.0
"""Fainter ones are left alone, however quiet the room."""

MIN_FRAMES = 6
"""192 ms: longer than a fricative."""
MAX_FRAMES = 50
"""1.6 s: longer noise is not a breath."""
HOLES = 1
"""Frames in a breath that may look otherwise."""

BAND_HZ = (300.0, 6000.0)
MIN_FLATNESS = 0.1
"""Geometric over arithmetic mean of the power spectrum in BAND_HZ: under 0.03 in vowels, 0.1
to 0.5 in breaths."""
CENTROID_HZ = (900.0, 3600.0)
"""Breaths lie between rumble and the s of a word (4 to 6 kHz)."""
MAX_PERIODICITY = 0.5
"""Highest autocorrelation at 60 to 500 Hz: voices reach 0.8."""
MAX_JUMP_DB = 14.0
"""Between frames: a breath swells, a click jumps."""

CONFIDENCE = 0.7
"""Of the rule: never measured against labels (there are none), so never sure enough by itself
for a hint."""

_FREQUENCIES = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
_BAND = (BAND_HZ[0] <= _FREQUENCIES) & (BAND_HZ[1] >= _FREQUENCIES)
_WINDOW = np.hanning(FRAME).astype(np.float32)
_LAGS = slice(SAMPLE_RATE // 500, SAMPLE_RATE // 60)

Signal = npt.NDArray[np.float32]


class Breaths:
    """Frames in, finished breaths out. Holds one stream's state."""

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.float32)
        self._levels = Levels(LEVEL_FRAMES)
        self._before = 0.0
        self._run: list[tuple[VadFrame, bool]] = []

    def push(self, samples: npt.NDArray[np.int16], frames: list[VadFrame]) -> list[Stretch]:
        """Take the next sound and the frames that it completes."""
        self._pending = np.concatenate([self._pending, samples.astype(np.float32) / FULL_SCALE])
        found: list[Stretch] = []
        for frame in frames:
            sound, self._pending = self._pending[:FRAME], self._pending[FRAME:]
            found += self._frame(frame, sound)
        return found

    def _frame(self, frame: VadFrame, sound: Signal) -> list[Stretch]:
        level, before = frame.level_dbfs, self._before
        self._before = level
        self._levels.push(level)
        floor = self._levels.quantile(FLOOR_QUANTILE)
        loud = level >= max(floor + ABOVE_FLOOR_DB, AUDIBLE_DBFS)
        breath = (
            loud and not frame.speech and level - before <= MAX_JUMP_DB and is_breath_like(sound)
        )
        if breath or (self._run and not frame.speech and self._holes() < HOLES):
            self._run.append((frame, breath))
            return []
        return self._close()

    def _holes(self) -> int:
        holes = 0
        for _, breath in reversed(self._run):
            if breath:
                break
            holes += 1
        return holes

    def _close(self) -> list[Stretch]:
        run, self._run = self._run, []
        while run and not run[-1][1]:
            run.pop()
        if not MIN_FRAMES <= len(run) <= MAX_FRAMES:
            return []
        return [Stretch("breath", run[0][0].start, run[-1][0].end, CONFIDENCE)]


def is_breath_like(sound: Signal) -> bool:
    """Whether one frame [FRAME] is soft noise without pitch."""
    power = np.abs(np.fft.rfft(sound * _WINDOW)) ** 2 + 1e-12
    band = power[_BAND]
    flatness = float(np.exp(np.log(band).mean()) / band.mean())
    centroid = float((_FREQUENCIES * power).sum() / power.sum())
    if flatness < MIN_FLATNESS or not CENTROID_HZ[0] <= centroid <= CENTROID_HZ[1]:
        return False
    correlation = np.fft.irfft(np.abs(np.fft.rfft(sound, 2 * FRAME)) ** 2)
    return float(correlation[_LAGS].max() / (correlation[0] + 1e-12)) <= MAX_PERIODICITY
