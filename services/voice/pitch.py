"""Fundamental frequency by SwiftF0 (Nieradzik 2025) on a stream.

The network goes on where it left off, with the same results as on a whole signal
(training/voice/swift_f0.py).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models

HOP = 256
"""Samples a pitch frame: 16 ms."""

SPECTRUM_HOPS = 8
"""Hops of the longest spectrum of a frame: 128 ms, the frame in the middle of them."""

REACH_FRAMES = 7
"""Frames before and after a frame that the network looks at."""

LATE_FRAMES = REACH_FRAMES + SPECTRUM_HOPS // 2 - 1
"""How many frames of sound must follow a frame: 160 ms."""

CONTEXT_HOPS = SPECTRUM_HOPS - 1 + 2 * REACH_FRAMES
"""Sound before a window that the network has to hear where it has not heard what was before."""

FLOOR_HZ = 60.0
CEILING_HZ = 500.0
"""Where speaking voices lie, low male creak to a child's or excited voice."""

VOICED = 0.5
"""Confidence from which a frame is voiced: the model's own calibration."""

SILENCE_PEAK = 1e-3
"""Below this peak a frame has no pitch: on digital silence the model answers at random."""

MIN_VOICED_FRAMES = 3
"""Voiced frames (48 ms) that a window needs before its pitch is told."""

REFERENCE_HZ = 100.0
"""0 semitones; only differences matter."""

Signal = npt.NDArray[np.float32]


@cache
def _session() -> ort.InferenceSession:
    return models.session("voice", "swift_f0_stream")


def semitones(hz: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    """Pitch on the scale on which voices of all heights vary alike: 12 log2(f / 100 Hz)."""
    return np.asarray(12.0 * np.log2(np.asarray(hz) / REFERENCE_HZ))


@dataclass(frozen=True, slots=True)
class Pitch:
    """The pitch of a stretch of sound, one value for each HOP samples."""

    hz: npt.NDArray[np.float64]
    """[frames]"""
    confidence: npt.NDArray[np.float64]
    """[frames] 0..1; voiced from VOICED up."""

    @property
    def voiced(self) -> npt.NDArray[np.bool_]:
        return self.confidence >= VOICED

    @property
    def voiced_share(self) -> float:
        return float(self.voiced.mean()) if len(self.hz) else 0.0

    @property
    def median_hz(self) -> float | None:
        """Over the voiced frames; None where they're too few to tell."""
        voiced = self.hz[self.voiced]
        return float(np.median(voiced)) if len(voiced) >= MIN_VOICED_FRAMES else None


def estimate(signal: Signal) -> Pitch:
    """The pitch of each whole HOP of a signal [n] in -1..1 at 16 kHz; silence follows it."""
    whole = signal[: len(signal) // HOP * HOP]
    told = PitchTracker().window(np.pad(whole, (0, LATE_FRAMES * HOP)), run=True)
    return Pitch(told.hz[LATE_FRAMES:], told.confidence[LATE_FRAMES:])


class PitchTracker:
    """Holds one stream's state; silence is before it."""

    def __init__(self) -> None:
        state = next(i for i in _session().get_inputs() if i.name == "state")
        self._nothing = np.zeros(state.shape, np.float32)
        self._state: npt.NDArray[np.float32] | None = None
        self._heard = np.zeros(CONTEXT_HOPS * HOP, np.float32)
        """What may be context still, and of the hop that has just begun."""

    def window(self, signal: Signal, *, run: bool) -> Pitch:
        """The pitch of the newest window [n], LATE_FRAMES late.

        With ``run`` False (no speech) the model is spared and nothing is voiced.
        """
        heard = np.concatenate([self._heard, signal])
        frames = len(heard) // HOP - CONTEXT_HOPS
        self._heard = heard[frames * HOP :]
        if not run:
            self._state = None
        if not run or not frames:
            return Pitch(np.zeros(0), np.zeros(0))
        heard = heard[: (CONTEXT_HOPS + frames) * HOP]
        known = self._state is not None
        hz, confidence, self._state = _session().run(
            ["pitch", "confidence", "next"],
            {
                "audio": heard[2 * REACH_FRAMES * HOP :] if known else heard,
                "state": self._state if known else self._nothing,
            },
        )
        late = LATE_FRAMES * HOP
        peaks = np.abs(heard[-frames * HOP - late : -late]).reshape(frames, HOP).max(axis=1)
        sure = np.where(peaks < SILENCE_PEAK, 0.0, confidence[0, -frames:].astype(np.float64))
        return Pitch(np.asarray(hz[0, -frames:], np.float64), sure)
