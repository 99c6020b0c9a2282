"""Invented speakers: fillers lie where they're said to, in voices of many heights."""

import warnings

import numpy as np
import pytest

from services.voice import pitch
from training.voice import speakers
from training.voice.speakers import Person, Speaker
from training.voice.synthesis import Clip

pytest.importorskip("hibari", reason="the training packages are not installed")

SENTENCE = ["I", "worked", "with", "them", "and", "we", "moved", "it", "all", "in", "one", "night"]


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def clip(speaker: Speaker) -> Clip:
    return speakers._clip("one", SENTENCE, speaker, np.random.default_rng(3))


@pytest.mark.parametrize("height", [0.6, 1.3])
def test_a_person_speaks_at_their_own_height(speaker: Speaker, height: float) -> None:
    phonemes = speaker.phonemes("So I led the migration of our payment service last year.")
    medians = []
    for person in (Person(1.0, 1.0, 1.0, 1.0), Person(height, 1.0, 1.0, 1.0)):
        said = speaker.say(phonemes, person, np.random.default_rng(1))
        medians.append(pitch.estimate((said / 32768).astype(np.float32)).median_hz or 0.0)
    assert medians[1] / medians[0] == pytest.approx(height, rel=0.05)


def test_fillers_are_sound_where_they_are_said_to_be(clip: Clip) -> None:
    assert clip.spoken
    for item in clip.spoken:
        part = clip.samples[item.start : item.end].astype(float)
        assert np.sqrt(np.mean(part**2)) > 100
        assert 0.05 < len(part) / 16_000 < 2.0


def test_a_variation_moves_the_fillers_along(clip: Clip) -> None:
    with warnings.catch_warnings():  # audiomentations' docstrings have escapes of their own
        warnings.simplefilter("ignore")
        from training.voice.augment import vary

        varied = vary(clip, np.random.default_rng(2))
    assert [item.text for item in varied.spoken] == [item.text for item in clip.spoken]
    assert varied.fillers_only
    speeds = [
        (b.end - b.start) / (a.end - a.start)
        for a, b in zip(clip.spoken, varied.spoken, strict=True)
    ]
    assert max(speeds) - min(speeds) < 0.01
