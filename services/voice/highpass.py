"""A high-pass filter in front of everything that listens for a voice.

Desks, fans and handling put rumble far below any voice, often louder than it; on one
recording here it hid a clear "um" from the voice activity network altogether.
"""

import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE

CUTOFF_HZ = 80.0
"""The lowest male voices begin here; WebRTC's own processing cuts at the same place."""

TAPS = 400
"""25 ms: nine time constants, by when the response is below 16 bits."""


def _impulse_response() -> npt.NDArray[np.float32]:
    """Of a second-order Butterworth high-pass (bilinear transform), cut at TAPS.

    Convolution with it needs no loop over samples and stays causal, with no delay in the
    voice's band.
    """
    w = np.tan(np.pi * CUTOFF_HZ / SAMPLE_RATE)
    norm = 1.0 + np.sqrt(2.0) * w + w * w
    feedback = (2.0 * (w * w - 1.0) / norm, (1.0 - np.sqrt(2.0) * w + w * w) / norm)
    forward = np.array([1.0, -2.0, 1.0]) / norm
    response = np.zeros(TAPS)
    for n in range(TAPS):
        value = forward[n] if n < len(forward) else 0.0
        if n >= 1:
            value -= feedback[0] * response[n - 1]
        if n >= 2:
            value -= feedback[1] * response[n - 2]
        response[n] = value
    return response.astype(np.float32)


RESPONSE = _impulse_response()


class HighPass:
    """Sound in, the same without rumble out. Holds one stream's state."""

    def __init__(self) -> None:
        self._past = np.zeros(TAPS - 1, np.float32)

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """[n] to [n], each sample in its own place."""
        joined = np.concatenate([self._past, samples.astype(np.float32)])
        self._past = joined[len(joined) - (TAPS - 1) :]
        if not len(samples):
            return samples
        filtered = np.convolve(joined, RESPONSE, "valid")
        return np.asarray(np.clip(np.rint(filtered), -32768, 32767), np.int16)
