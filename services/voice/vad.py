"""Voice activity: the WebRTC detector as a cheap first gate, then Silero's network.

The WebRTC detector (2.5 us a 20 ms frame) lets through anything that may be
speech; only then does Silero VAD run (0.13 ms a 32 ms frame), whose probability
decides. Hysteresis turns probabilities into a steady yes or no.
"""

from collections import deque
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import webrtcvad

from services.runtime import models
from services.runtime.media import SAMPLE_RATE
from services.voice.loudness import FULL_SCALE, Levels

FRAME = 512
"""Samples in one Silero frame: 32 ms, the only size that the model takes at 16 kHz."""

CONTEXT = 64
"""Samples of the frame before that Silero wants in front of each frame."""

GATE_FRAME = 320
"""Samples in one WebRTC frame: 20 ms."""

GATE_MODE = 0
"""The least aggressive mode: a gate must not lose speech, only plain non-speech."""

GATE_HANGOVER = SAMPLE_RATE * 3 // 10
"""The gate stays open 300 ms after its last yes, longer than a stop or a soft syllable."""

WARM_UP = 4
"""Frames before the gate's opening that are scored first: onsets are soft, and the
network's state wants some context. 128 ms."""

SPEECH_ON = 0.4
"""Probability from which speech begins: a little under Silero's default of 0.5, which misses
quiet voices in noise; on the meetings here it costs 0.2% of frames."""

SPEECH_OFF = 0.15
"""Below it speech ends. A nasal \"um\" falls this low; a word's end is told by its level."""

LEVEL_FRAMES = 156
"""Frames whose levels show what is loud and what is not just now: 5 s."""

QUIET, LOUD = 0.1, 0.9
"""Quantiles of those levels."""

AUDIBLE = 0.25
"""Where a word ends between the quiet and the loud of those levels, in dB. The network's
probability outlasts a word by some 200 ms; its sound does not."""

LOST = 0.5
"""A frame of which more than this was not heard is lost."""

Samples = npt.NDArray[np.int16]


@cache
def _session() -> ort.InferenceSession:
    return models.session("voice", "silero_vad")


@dataclass(frozen=True, slots=True)
class VadFrame:
    """32 ms of the stream."""

    start: int
    """The first sample's place in the stream."""
    probability: float
    """0..1 that it is speech; 0 where the gate was closed."""
    speech: bool
    """By the probability, with hysteresis: goes on some 200 ms after a word."""
    voice: bool
    """Speech, and loud enough to be heard: ends with the word, breaks off in its stops."""
    level_dbfs: float
    lost: bool = False
    """Most of it was not heard, but concealed or silence in a gap."""

    @property
    def end(self) -> int:
        return self.start + FRAME


class VoiceActivity:
    """Frames of the stream in, one VadFrame for each out. Holds one stream's state."""

    def __init__(self) -> None:
        self._gate = webrtcvad.Vad(GATE_MODE)
        self._pending = np.zeros(0, np.int16)
        self._pending_lost = np.zeros(0, np.bool_)
        self._gate_pending = np.zeros(0, np.int16)
        self._position = 0
        self._gate_position = 0
        self._open_until = 0
        self._skipped: deque[npt.NDArray[np.float32]] = deque(maxlen=WARM_UP)
        self._network = _session()
        self._speech = False
        self._levels = Levels(LEVEL_FRAMES)
        self._forget()

    def _forget(self) -> None:
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def push(self, samples: Samples, *, lost: bool = False) -> list[VadFrame]:
        """Take the next samples, heard or ``lost``; returns the frames that they complete."""
        pending = np.concatenate([self._pending, samples])
        unheard = np.concatenate([self._pending_lost, np.full(len(samples), lost)])
        whole = len(pending) // FRAME * FRAME
        self._pending, self._pending_lost = pending[whole:], unheard[whole:]
        shares = unheard[:whole].reshape(-1, FRAME).mean(axis=1)
        return [
            self._frame(frame, lost=bool(share > LOST))
            for frame, share in zip(pending[:whole].reshape(-1, FRAME), shares, strict=True)
        ]

    def _run_gate(self, samples: Samples) -> None:
        pending = np.concatenate([self._gate_pending, samples])
        whole = len(pending) // GATE_FRAME * GATE_FRAME
        self._gate_pending = pending[whole:]
        for frame in pending[:whole].reshape(-1, GATE_FRAME):
            self._gate_position += GATE_FRAME
            if self._gate.is_speech(frame.tobytes(), SAMPLE_RATE):
                self._open_until = self._gate_position + GATE_HANGOVER

    def _frame(self, frame: Samples, *, lost: bool) -> VadFrame:
        start = self._position
        self._position += FRAME
        self._run_gate(frame)
        scaled = frame.astype(np.float32) / FULL_SCALE
        if start < self._open_until:
            for earlier in self._skipped:
                self._score(earlier)
            self._skipped.clear()
            probability = self._score(scaled)
        else:
            if not self._skipped:
                self._forget()
            self._skipped.append(scaled)
            probability = 0.0
        self._speech = probability >= (SPEECH_OFF if self._speech else SPEECH_ON)
        level = 10.0 * float(np.log10(np.mean(scaled * scaled) + 1e-10))
        self._levels.push(level)
        quiet, loud = self._levels.quantile(QUIET), self._levels.quantile(LOUD)
        audible = level >= quiet + AUDIBLE * (loud - quiet)
        voice = self._speech and audible
        return VadFrame(start, probability, self._speech, voice, level, lost)

    def _score(self, frame: npt.NDArray[np.float32]) -> float:
        output, self._state = self._network.run(
            None,
            {
                "input": np.concatenate([self._context, frame])[None],
                "state": self._state,
                "sr": np.array(SAMPLE_RATE, np.int64),
            },
        )
        self._context = frame[-CONTEXT:]
        return float(output[0, 0])
