import numpy as np
import pytest

from services.runtime import models
from services.voice.vad import FRAME, VoiceActivity
from training.voice.sound import Samples, chunks, load


@pytest.fixture(scope="module")
def speech() -> Samples:
    return load(models.path("voice", "speech_beckett"))


def probabilities(samples: Samples) -> list[float]:
    activity = VoiceActivity()
    return [frame.probability for pcm in chunks(samples) for frame in activity.push(pcm.samples)]


def test_frames_follow_one_another_without_gap(speech: Samples) -> None:
    activity = VoiceActivity()
    frames = [frame for pcm in chunks(speech) for frame in activity.push(pcm.samples)]
    assert [frame.start for frame in frames] == list(range(0, len(speech) - FRAME + 1, FRAME))


def test_a_frame_is_lost_when_most_of_it_is(speech: Samples) -> None:
    activity = VoiceActivity()
    frames = [
        frame
        for number, part in enumerate(np.split(speech[: 5 * 640], 5))
        for frame in activity.push(part, lost=number in (1, 3))
    ]
    # Parts 1 and 3 are samples 640 to 1280 and 1920 to 2560.
    assert [frame.start // FRAME for frame in frames if frame.lost] == [1, 4]


def test_the_cut_into_chunks_does_not_matter(speech: Samples) -> None:
    whole = [frame.probability for frame in VoiceActivity().push(speech)]
    assert np.mean(np.abs(np.array(whole) - probabilities(speech)) > 0.1) < 0.02


def test_speech_is_speech_and_the_pauses_between_are_not(speech: Samples) -> None:
    # "Ever tried. Ever failed. ..." : eight words between clear silences.
    found = np.array(probabilities(speech))
    assert found[12:36].mean() > 0.8
    assert found[42:56].mean() < 0.1


@pytest.mark.parametrize("level", [0, 30, 300])
def test_noise_is_not_speech(level: int) -> None:
    noise = np.random.default_rng(1).normal(0, 1, 5 * 16_000) * level
    activity = VoiceActivity()
    frames = activity.push(noise.astype(np.int16))
    assert not any(frame.speech for frame in frames)


def test_a_steady_tone_is_not_speech() -> None:
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(3 * 16_000) / 16_000)
    frames = VoiceActivity().push(tone.astype(np.int16))
    assert sum(frame.speech for frame in frames) < 0.1 * len(frames)
