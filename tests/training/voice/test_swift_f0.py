"""The graph for streams is the package's network."""

from pathlib import Path

import numpy as np
import pytest

from services.runtime import models
from services.voice import pitch
from services.voice.pitch import CEILING_HZ, FLOOR_HZ, HOP, REACH_FRAMES, PitchTracker, Signal
from training.voice.sound import load

pytest.importorskip("onnx", reason="needs the training packages: make training-setup")

from training.voice import swift_f0


@pytest.fixture(scope="module")
def signal() -> Signal:
    return np.asarray(load(models.path("voice", "speech_beckett")) / 32768, np.float32)


@pytest.fixture(scope="module")
def packaged(signal: Signal) -> pitch.Pitch:
    """The package's own answer to the whole signal, without the frames that it pads."""
    bounds = {"fmin": np.array(FLOOR_HZ, np.float32), "fmax": np.array(CEILING_HZ, np.float32)}
    session = models.session("voice", "swift_f0")
    hz, confidence = session.run(["pitch", "confidence"], {"audio": signal[None], **bounds})
    whole = slice(0, len(signal) // HOP - REACH_FRAMES - pitch.SPECTRUM_HOPS // 2)
    return pitch.Pitch(np.asarray(hz[0, whole]), np.asarray(confidence[0, whole], np.float64))


def test_the_graph_is_what_the_script_writes(tmp_path: Path) -> None:
    swift_f0.build(tmp_path / "made.onnx")
    assert (tmp_path / "made.onnx").read_bytes() == swift_f0.TARGET.read_bytes()


@pytest.mark.parametrize("size", [HOP // 2, 1_000, 3_200, 40_000])
def test_a_stream_has_the_pitch_of_the_whole(
    signal: Signal, packaged: pitch.Pitch, size: int
) -> None:
    tracker = PitchTracker()
    told = [tracker.window(signal[at : at + size], run=True) for at in range(0, len(signal), size)]
    hz = np.concatenate([window.hz for window in told])[pitch.LATE_FRAMES :]
    sure = np.concatenate([window.confidence for window in told])[pitch.LATE_FRAMES :]
    both = slice(0, min(len(hz), len(packaged.hz)))
    voiced = packaged.voiced[both]
    assert voiced.sum() > 100
    assert sure[both][voiced] == pytest.approx(packaged.confidence[both][voiced], abs=1e-3)
    assert hz[both][voiced] == pytest.approx(packaged.hz[both][voiced], rel=1e-4)


def test_what_was_not_run_is_caught_up_with(signal: Signal, packaged: pitch.Pitch) -> None:
    tracker, size = PitchTracker(), 2 * HOP
    told = [
        tracker.window(signal[at : at + size], run=at // 16_000 % 2 == 0)
        for at in range(0, len(signal) - size, size)
    ]
    heard = 0
    for number, window in enumerate(told):
        first = 2 * number - pitch.LATE_FRAMES
        if len(window.hz) and first >= 0 and first + 2 <= len(packaged.hz):
            expected = packaged.confidence[first : first + 2]
            loud = window.confidence > 0  # else digital silence
            assert window.confidence[loud] == pytest.approx(expected[loud], abs=1e-3)
            heard += int(loud.sum())
    assert heard > 100
