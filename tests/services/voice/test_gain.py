import numpy as np

from services.voice.gain import GainWatch
from services.voice.vad import FRAME, VadFrame


def told(rise_db_per_second: float, pauses: int = 6) -> int:
    """How often it is told in a talk whose room rises by so much in each pause."""
    watch = GainWatch()
    random = np.random.default_rng(10)
    count, place = 0, 0
    for _ in range(pauses):
        for index in range(100):
            speech = index < 50
            quiet = -60.0 + max(index - 50, 0) * 0.032 * rise_db_per_second
            level = (-25.0 if speech else quiet) + float(random.normal(0, 1.5))
            count += watch.push(VadFrame(place, 0.9 if speech else 0.0, speech, speech, level))
            place += FRAME
    return count


def test_a_room_that_swells_after_speech_is_gain() -> None:
    assert told(12.0) >= 1


def test_a_steady_room_is_none() -> None:
    assert told(0.0) == 0


def test_three_pauses_are_not_enough() -> None:
    assert told(12.0, pauses=3) == 0


def test_a_room_that_was_not_heard_does_not_swell() -> None:
    """After each run of speech .8 s are lost, then the room is as before."""
    watch = GainWatch()
    for index in range(600):
        speech, lost = index % 100 < 50, 50 <= index % 100 < 75
        level = -25.0 if speech else -100.0 if lost else -60.0
        probability = 0.9 if speech else 0.0
        frame = VadFrame(index * FRAME, probability, speech, speech, level, lost)
        assert not watch.push(frame)
