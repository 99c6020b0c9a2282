"""Sound of a known level."""

import numpy as np

from services.voice.vad import FRAME
from training.voice.sound import Samples


def tone(dbfs: float) -> Samples:
    """[FRAME]: a sine whose RMS is ``dbfs``."""
    peak = 10 ** (dbfs / 20) * np.sqrt(2) * 32768
    wave = peak * np.sin(2 * np.pi * 250 * np.arange(FRAME) / 16_000)
    return np.asarray(np.clip(wave, -32768, 32767), np.int16)
