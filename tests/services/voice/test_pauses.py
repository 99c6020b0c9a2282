from services.voice.pauses import Pauses, Stretch
from services.voice.vad import FRAME, VadFrame


def stretches(pattern: str) -> list[tuple[str, int, int]]:
    """Runs of a pattern such as "..###..xx.##", in frames; # is speech, x lost silence."""
    pauses = Pauses()
    found: list[Stretch] = []
    for index, sign in enumerate(pattern):
        speech = sign == "#"
        probability, lost = 0.9 if speech else 0.1, sign == "x"
        frame = VadFrame(index * FRAME, probability, speech, speech, -30.0, lost)
        found += pauses.push(frame)
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


def test_what_was_lost_is_no_pause() -> None:
    runs = [("speech", 0, 5), ("speech", 15, 20)]
    assert stretches("#####" + "x" * 10 + "#####") == runs
    assert stretches("#####" + ".......xxx" + "#####") == runs
    # A click in it: 4 of 18 frames were lost.
    click = "xxxx.....#........"
    assert stretches("#####" + click + "#####") == [runs[0], ("speech", 23, 28)]
    assert stretches("##x##" + "........xx" + "#x###") == [runs[0], ("pause", 5, 15), runs[1]]


def test_a_pause_after_one_that_was_lost_is_told() -> None:
    assert stretches("#####" + "x" * 10 + "#####" + "." * 10 + "#####") == [
        ("speech", 0, 5),
        ("speech", 15, 20),
        ("pause", 20, 30),
        ("speech", 30, 35),
    ]
