import numpy as np

from services.runtime.media import Pcm
from services.voice.clock import StreamClock
from services.voice.utterances import FILLER_LEAD, LEAD, MAX_SAMPLES, TAIL, Utterance, Utterances
from services.voice.vad import FRAME, VadFrame

RAMP = np.arange(FRAME * 2000) % 30_000


def cut(pattern: str, start_us: int = 0) -> list[Utterance]:
    """Utterances of a pattern with one sign for each frame: # speech, ~ weak speech, X lost
    speech, x lost silence."""
    clock = StreamClock()
    utterances = Utterances(clock)
    found = []
    for index, sign in enumerate(pattern):
        samples = RAMP[index * FRAME : (index + 1) * FRAME].astype(np.int16)
        clock.lay(Pcm(samples, start_us + index * 32_000, index))
        probability = {"#": 0.95, "X": 0.95, "~": 0.6, ".": 0.02, "x": 0.02}[sign]
        speech, lost = sign not in ".x", sign in "xX"
        frame = VadFrame(index * FRAME, probability, speech, speech, -30.0, lost)
        found += utterances.push(samples, [frame])
    return found + utterances.finish()


def final(pattern: str) -> list[Utterance]:
    return [utterance for utterance in cut(pattern) if utterance.final]


def test_sound_and_place_agree() -> None:
    (utterance,) = final("." * 30 + "#" * 20 + "." * 30)
    assert utterance.start == max(30 * FRAME - FILLER_LEAD, 0)
    assert utterance.start + utterance.text_from == 30 * FRAME - LEAD
    assert utterance.end == 50 * FRAME + TAIL
    expected = RAMP[utterance.start : utterance.end]
    assert utterance.samples.tolist() == expected.tolist()
    assert utterance.stretches == ((30 * FRAME, 50 * FRAME),)


def test_what_was_lost_around_its_speech_does_not_count() -> None:
    (utterance,) = final("x" * 30 + "#" * 16 + "x" * 30)
    assert (utterance.concealed, utterance.heard_share) == (0, 1.0)
    (utterance,) = final("x" * 30 + "#" * 9 + "xXX" + "#" * 8 + "." * 12 + "####" + "." * 40)
    assert utterance.concealed == 3 * FRAME
    assert utterance.heard_share == 1.0 - 3 / 24


def test_silence_and_clicks_are_no_utterance() -> None:
    assert cut("." * 200) == []
    assert cut("." * 30 + "##" + "." * 60) == []


def test_a_short_pause_keeps_a_sentence_together_a_long_one_ends_it() -> None:
    (utterance,) = final("#" * 30 + "." * 12 + "#" * 30 + "." * 40)
    assert utterance.stretches == ((0, 30 * FRAME), (42 * FRAME, 72 * FRAME))
    assert utterance.speech_seconds == 60 * 0.032
    assert len(final("#" * 30 + "." * 32 + "#" * 30)) == 2


def test_what_is_heard_at_a_pause_is_what_is_final() -> None:
    found = cut("#" * 30 + "." * 40)
    at_pause = [utterance for utterance in found if utterance.at_pause]
    assert [utterance.final for utterance in at_pause] == [False, True]
    assert at_pause[0].end == at_pause[1].end


def test_long_speech_is_told_on_the_way() -> None:
    ends = [utterance.end for utterance in cut("#" * 100) if not utterance.final]
    assert ends == [20 * FRAME, 40 * FRAME, 60 * FRAME, 80 * FRAME, 100 * FRAME]


def test_after_five_seconds_any_pause_ends_it() -> None:
    first, second = final("#" * 170 + "." * 12 + "#" * 30)
    assert first.stretches[-1][1] == 170 * FRAME
    assert second.stretches[0][0] == 182 * FRAME


def test_speech_without_pause_is_cut_where_it_is_weakest() -> None:
    found = final("#" * 250 + "~" * 5 + "#" * 300)
    assert found[0].end == 252 * FRAME + FRAME // 2
    assert found[1].start == found[0].end
    assert all(len(utterance.samples) <= MAX_SAMPLES + FILLER_LEAD + FRAME for utterance in found)
    spoken = sum(utterance.speech_seconds for utterance in found)
    assert abs(spoken - 555 * 0.032) < 1e-6


def test_numbers_go_on_with_time_so_that_a_takeover_repeats_none() -> None:
    pattern = ("#" * 20 + "." * 40) * 3
    first = [utterance.number for utterance in cut(pattern, start_us=1_000_000_000)]
    later = [utterance.number for utterance in cut(pattern, start_us=1_010_000_000)]
    assert first == sorted(first)
    assert max(first) < min(later)
