from services.voice.pauses import Pauses, Stretch
from services.voice.vad import FRAME, VadFrame


def stretches(pattern: str) -> list[tuple[str, int, int]]:
    """Runs of a pattern such as "..###....##", in frames; S and P for speech and pause."""
    pauses = Pauses()
    found: list[Stretch] = []
    for index, sign in enumerate(pattern):
        speech = sign == "#"
        found += pauses.push(VadFrame(index * FRAME, 0.9 if speech else 0.1, speech, speech, -30.0))
    found += pauses.finish()
    return [(item.kind, item.start // FRAME, item.end // FRAME) for item in found]


def test_a_gap_under_250_ms_is_within_a_run() -> None:
    assert stretches("..#####" + "." * 7 + "####") == [("speech", 2, 18)]


def test_a_gap_over_250_ms_is_a_pause() -> None:
    assert stretches("#####" + "." * 8 + "####") == [
        ("speech", 0, 5),
        ("pause", 5, 13),
        ("speech", 13, 17),
    ]


def test_silence_before_and_after_speech_is_no_pause() -> None:
    assert stretches("." * 40 + "####" + "." * 40) == [("speech", 40, 44)]


def test_a_click_neither_speaks_nor_splits_a_pause() -> None:
    assert stretches("####" + "." * 20 + "#" + "." * 20 + "####") == [
        ("speech", 0, 4),
        ("pause", 4, 45),
        ("speech", 45, 49),
    ]


def test_silence_alone_is_nothing() -> None:
    assert stretches("." * 200) == []
