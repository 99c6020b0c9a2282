import numpy as np

from services.voice import filled_pauses
from services.voice.filled_pauses import Heard
from services.voice.transcriber import ENCODER_STEP


def scores(pattern: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """One sign for each frame: . none, m um, h uh."""
    rows = {".": (0.95, 0.03, 0.02), "m": (0.1, 0.7, 0.2), "h": (0.1, 0.2, 0.7)}
    return np.array([rows[sign] for sign in pattern], np.float32)


def found(pattern: str) -> list[tuple[str, int, int]]:
    return [
        (item.text, item.start // ENCODER_STEP, item.end // ENCODER_STEP)
        for item in filled_pauses.find(scores(pattern))
    ]


def word(text: str, start: int, end: int, confidence: float = 0.9) -> Heard:
    return Heard(text, start, end, confidence, text in ("um", "uh"))


def test_runs_become_filled_pauses() -> None:
    assert found("...mmmmmmmm....hhhhhh...") == [("um", 3, 11), ("uh", 15, 21)]


def test_a_dip_does_not_end_one_and_a_blip_is_none() -> None:
    assert found("..hhh..hhhh......mmm...") == [("uh", 2, 11)]
    assert found("." * 50) == []


def test_sound_and_text_are_told_once_with_the_sound_s_place() -> None:
    sound = Heard("um", 1000, 4000, 0.9, True)
    (fused,) = filled_pauses.fuse([sound], [word("so", 0, 900), word("um", 1500, 5000)])
    assert (fused.start, fused.end, fused.text) == (1000, 4000, "um")
    assert fused.confidence >= sound.confidence


def test_a_filler_of_the_text_alone_counts_less() -> None:
    (fused,) = filled_pauses.fuse([], [word("so", 0, 900), word("uh", 1500, 5000)])
    assert fused.confidence < 0.9
    assert (fused.start, fused.end) == (1500, 5000)


def test_under_a_sure_word_only_a_sure_sound_counts() -> None:
    words = [word("a", 1000, 4000)]
    assert filled_pauses.fuse([Heard("uh", 1000, 4000, 0.7, True)], words) == []
    assert filled_pauses.fuse([Heard("uh", 1000, 4000, 0.95, True)], words)
    unsure = [word("a", 1000, 4000, confidence=0.3)]
    assert filled_pauses.fuse([Heard("uh", 1000, 4000, 0.7, True)], unsure)
