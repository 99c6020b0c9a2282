"""Automatic gain: a microphone that turns itself up whenever nobody speaks.

It levels out how loud somebody speaks, so that loudness and its variation mean little. What
gives it away is the room: after speech the noise swells by itself, pause after pause, which
no room does.
"""

from collections import deque

import numpy as np

from services.voice.vad import FRAME, VadFrame

SETTLE_FRAMES = 8
"""256 ms after speech, while the last word and its echo die away."""

PAUSE_FRAMES = 31
"""1 s of quiet after that is looked at: gain controls rise some 6 to 30 dB a second."""

RISE_DB = 5.0
"""From the first to the last third of that second; in steady rooms it is within 2 dB."""

PAUSES = 5
"""The newest such pauses."""
PAUSES_RISING = 4
"""Of these, before it is told."""

EVIDENCE = (SETTLE_FRAMES + PAUSE_FRAMES) * FRAME
"""Samples of the newest pause, which the event points to."""

CONFIDENCE = 0.7
"""No recording with a known gain control was at hand: the rule rests on simulated ones."""


class GainWatch:
    """VAD frames with their levels in; holds one stream's state."""

    def __init__(self) -> None:
        self._spoken = False
        self._levels: list[float] = []
        self._rising: deque[bool] = deque(maxlen=PAUSES)

    def push(self, frame: VadFrame) -> bool:
        """True when a pause has just shown that the gain is automatic."""
        if frame.lost:  # its level is not the room's
            self._spoken = False
            return False
        if frame.speech:
            self._spoken, self._levels = True, []
            return False
        if not self._spoken:
            return False
        self._levels.append(frame.level_dbfs)
        if len(self._levels) < SETTLE_FRAMES + PAUSE_FRAMES:
            return False
        self._spoken = False
        heard = np.array(self._levels[SETTLE_FRAMES:])
        third = PAUSE_FRAMES // 3
        # The quiet part of each third: a breath or a chair in between is no gain.
        rise = float(np.percentile(heard[-third:], 25) - np.percentile(heard[:third], 75))
        self._rising.append(rise >= RISE_DB)
        return self._rising[-1] and sum(self._rising) >= PAUSES_RISING
