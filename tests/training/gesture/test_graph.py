"""The rewritten palm network says what the one it was made of says."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from services.gesture.palms import SIZE, STEP
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import letterbox

pytest.importorskip("onnx", reason="needs the training packages: make training-setup")

from training.gesture import graph


@pytest.fixture(scope="module")
def source(shared_data: Path) -> Path:
    file = shared_data.parent / "models" / "palm_lite.onnx"
    if not file.exists():
        pytest.skip(f"needs the unchanged conversion, {file}")
    return file


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> list[Floats]:
    """[192, 192, 3]: a hand, and noise."""
    picture = cv2.imread(str(shared_data / "images_gesture/hand_thumb_up.jpg"))
    assert picture is not None
    hand, *_ = letterbox(np.ascontiguousarray(picture[:, :, ::-1], np.uint8), SIZE, SIZE)
    return [hand, np.random.default_rng(4).random((SIZE, SIZE, 3), dtype=np.float32)]


def test_it_finds_what_its_source_finds(source: Path, pictures: list[Floats]) -> None:
    converted = ort.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    shipped = models.session("gesture", "palm_lite")
    names = [output.name for output in converted.get_outputs()]
    for picture in pictures:
        for ours, theirs in zip(
            shipped.run(names, {"input_1": picture[None]}),
            converted.run(names, {"input_1": picture[None]}),
            strict=True,
        ):
            assert ours == pytest.approx(theirs, abs=5e-4), "px, logits"


def test_the_shipped_network_is_the_rewritten_source(
    source: Path, pictures: list[Floats], tmp_path: Path
) -> None:
    made = tmp_path / "palm.onnx"
    assert graph.main(["--source", str(source), "--out", str(made)]) == 0
    again = ort.InferenceSession(str(made), providers=["CPUExecutionProvider"])
    for picture in pictures:
        for ours, theirs in zip(
            again.run(None, {"input_1": picture[None]}),
            models.session("gesture", "palm_lite").run(None, {"input_1": picture[None]}),
            strict=True,
        ):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(("height", "width"), [(128, 192), (STEP, 192), (192, 160)])
def test_it_takes_pictures_that_are_no_square(height: int, width: int) -> None:
    blank = np.zeros((1, height, width, 3), np.float32)
    offsets, logits = models.session("gesture", "palm_lite").run(None, {"input_1": blank})
    assert offsets.shape == (1, height * width * 7 // 128, 18)
    assert logits.shape == (1, height * width * 7 // 128, 1)
