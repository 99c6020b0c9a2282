import numpy as np
import pytest

from services.runtime import models
from services.voice import pitch
from services.voice.pitch import PitchTracker, Signal
from training.voice.sound import load

WINDOW = 3200


def voice(hz: float, seconds: float = 2.0) -> Signal:
    """A voiced sound: harmonics that fall off as a glottal source's do."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    partials = [np.sin(2 * np.pi * hz * n * time) / n for n in range(1, int(4000 / hz))]
    sound = np.sum(partials, axis=0)
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def windows(signal: Signal) -> list[pitch.Pitch]:
    tracker = PitchTracker()
    starts = range(0, len(signal) - WINDOW + 1, WINDOW)
    return [tracker.window(signal[start : start + WINDOW], run=True) for start in starts]


@pytest.mark.parametrize("hz", [85.0, 120.0, 210.0, 320.0])
def test_a_voice_is_heard_within_20_cents(hz: float) -> None:
    medians = [window.median_hz for window in windows(voice(hz))[1:]]
    assert all(median is not None for median in medians)
    cents = [abs(1200 * np.log2(median / hz)) for median in medians if median]
    assert max(cents) < 20


def test_windows_agree_with_the_whole_recording() -> None:
    samples = load(models.path("voice", "speech_beckett"))
    signal = np.asarray(samples / 32768, np.float32)
    whole = pitch.estimate(signal)
    told = windows(signal)
    hz = np.concatenate([window.hz for window in told])[pitch.LATE_FRAMES :]
    sure = np.concatenate([window.confidence for window in told])[pitch.LATE_FRAMES :]
    assert len(hz) > 500
    voiced = whole.voiced[: len(hz)]
    assert voiced.sum() > 100
    assert sure == pytest.approx(whole.confidence[: len(hz)], abs=1e-3)
    assert hz[voiced] == pytest.approx(whole.hz[: len(hz)][voiced], rel=1e-4)


def test_sound_shorter_than_a_frame_is_kept() -> None:
    signal, tracker = voice(120.0), PitchTracker()
    told = [tracker.window(signal[at : at + 40], run=True) for at in range(0, len(signal), 40)]
    assert sum(len(window.hz) for window in told) == len(signal) // pitch.HOP
    assert len(pitch.estimate(signal[:40]).hz) == 0


def test_silence_and_noise_have_no_pitch() -> None:
    silence = np.zeros(16_000, np.float32)
    noise = np.random.default_rng(2).normal(0, 0.05, 16_000).astype(np.float32)
    for signal in (silence, noise):
        assert [window.median_hz for window in windows(signal)] == [None] * 5


def test_a_window_without_speech_is_not_run() -> None:
    assert PitchTracker().window(voice(120.0)[:WINDOW], run=False).median_hz is None


def test_an_octave_is_twelve_semitones() -> None:
    assert pitch.semitones(200.0) - pitch.semitones(100.0) == pytest.approx(12.0)
