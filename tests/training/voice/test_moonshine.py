"""The rebuilt graphs are the package's network."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from services.runtime import models
from services.voice import transcriber
from services.voice.transcriber import HEAD_SIZE, HEADS, LAYERS
from training.voice.sound import load

pytest.importorskip("onnx", reason="needs the training packages: make training-setup")

from training.voice import moonshine

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def signal() -> Array:
    return np.asarray(load(models.path("voice", "speech_beckett"))[:40_000] / 32768, np.float32)


def packaged(name: str) -> ort.InferenceSession:
    return models.session("voice", name)


@pytest.fixture(scope="module")
def states(signal: Array) -> Array:
    """By the package's own encoder."""
    inputs = {"input_values": signal[None], "attention_mask": np.ones((1, len(signal)), np.int64)}
    found = packaged("moonshine_encoder_weights").run(None, inputs)[0]
    return np.asarray(found[0])


def test_the_graphs_are_what_the_script_writes(tmp_path: Path) -> None:
    for file in moonshine.build(tmp_path):
        assert file.read_bytes() == (models.folder("voice") / file.name).read_bytes()


def test_the_encoder_answers_the_same(signal: Array, states: Array) -> None:
    ours = transcriber.encode(signal)
    assert ours.shape == states.shape
    assert ours == pytest.approx(states, abs=1e-4)


def test_the_decoder_answers_the_same(states: Array) -> None:
    tokens = np.array([[1, 100, 200, 300]])
    empty = np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32)
    past = {
        f"past_key_values.{layer}.{side}.{part}": empty
        for layer in range(LAYERS)
        for side in ("decoder", "encoder")
        for part in ("key", "value")
    }
    logits = packaged("moonshine_decoder_weights").run(
        ["logits"],
        {
            "encoder_attention_mask": np.ones((1, 40_000), np.int64),
            "input_ids": tokens,
            "encoder_hidden_states": states[None],
            "use_cache_branch": np.array([False]),
            **past,
        },
    )[0][0]
    wanted = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    ours = transcriber._Decoding(states).step(tokens[0].tolist())
    assert ours == pytest.approx(wanted, abs=1e-3)
