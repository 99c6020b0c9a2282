"""Rounding the hand network."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from services.gesture.hands import FINDING, SIZE
from services.runtime import models

pytest.importorskip("onnx", reason="needs the training packages: make training-setup")

from training.gesture.follow import quantize


def test_it_is_the_same_network_in_8_bits(tmp_path: Path) -> None:
    chance = np.random.default_rng(6)
    noise = [chance.random((SIZE, SIZE, 3), dtype=np.float32) for _ in range(4)]
    target = tmp_path / "follow.onnx"
    quantize(noise, target)
    rounded = ort.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    exact = models.session("gesture", FINDING)
    assert [o.name for o in rounded.get_outputs()] == [o.name for o in exact.get_outputs()]
    points, theirs = (
        session.run(None, {"input_1": noise[0][None]})[0] for session in (rounded, exact)
    )
    assert 0 < np.abs(points - theirs).mean() < 0.1 * SIZE
