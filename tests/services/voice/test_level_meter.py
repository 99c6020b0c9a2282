import numpy as np
import pytest

from services.voice.level_meter import LevelMeter, Warning
from services.voice.loudness import dbfs, rms
from services.voice.vad import FRAME, VadFrame
from tests.services.voice.levels import tone
from training.voice.sound import Samples


class Heard:
    """A meter, and the frames as voice activity would make them."""

    def __init__(self) -> None:
        self.meter = LevelMeter()
        self._position = 0

    def push(self, *frames: Samples, voice: bool, lost: bool = False) -> list[Warning]:
        made = []
        for samples in frames:
            level = dbfs(rms(samples))
            made.append(VadFrame(self._position, float(voice), voice, voice, level, lost))
            self._position += FRAME
        return self.meter.push(np.concatenate(frames), made)


def told(speech_dbfs: float, noise_dbfs: float, frames: int = 125) -> set[str]:
    heard = Heard()
    found = []
    for _ in range(25):
        found += heard.push(tone(noise_dbfs), voice=False)
    for _ in range(frames):
        found += heard.push(tone(speech_dbfs), voice=True)
    assert len({warning.detail for warning in found}) == len(found), "told more than once"
    return {warning.detail for warning in found}


def test_levels_are_told() -> None:
    assert told(-25, -60) == set()
    assert told(-50, -80) == {"too_quiet"}
    assert told(-25, -28) == {"noisy"}
    assert told(3, -60) == {"clipping"}


def test_nothing_is_told_before_three_seconds_of_voice() -> None:
    assert told(-50, -80, frames=93) == set()


def test_a_warning_comes_again_after_half_a_minute() -> None:
    heard = Heard()
    warnings = [w for _ in range(1_200) for w in heard.push(tone(-50), voice=True)]
    assert [warning.detail for warning in warnings] == ["too_quiet", "too_quiet"]


def test_the_floor_is_unknown_until_half_a_second_without_speech() -> None:
    heard = Heard()
    for _ in range(15):
        heard.push(tone(-60), voice=False)
    assert heard.meter.noise_dbfs is None
    heard.push(tone(-60), voice=False)
    assert heard.meter.noise_dbfs == pytest.approx(-60, abs=0.3)


def test_a_dead_microphone_and_lost_sound_are_no_noise_floor() -> None:
    heard = Heard()
    for _ in range(50):
        heard.push(np.zeros(FRAME, np.int16), voice=False)
        heard.push(tone(-70), voice=False, lost=True)
    assert heard.meter.noise_dbfs is None


def test_each_frame_is_judged_by_its_own_samples() -> None:
    """Whatever the pieces are that sound comes in: one clipped frame of 100 is no clipping, three
    are."""
    for clipped, expected in ((1, 0), (3, 1)):
        meter = LevelMeter()
        frames = [tone(3 if i % 33 == 5 and i < 33 * clipped else -25) for i in range(100)]
        sound = np.concatenate(frames)
        levels = [dbfs(rms(frame)) for frame in frames]
        found: list[Warning] = []
        done = 0
        for end in range(0, len(sound) + 1, 1_280):
            whole = end // FRAME
            made = [VadFrame(i * FRAME, 1.0, True, True, levels[i]) for i in range(done, whole)]
            found += meter.push(sound[max(end - 1_280, 0) : end], made)
            done = whole
        assert [warning.detail for warning in found] == ["clipping"] * expected
