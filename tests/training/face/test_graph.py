"""The rewritten mesh network says what the one it was made of says."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from services.face.mesh import POINTS, SIZE
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, crop

pytest.importorskip("onnx", reason="needs the training packages: make training-setup")

from training.face import graph


@pytest.fixture(scope="module")
def source(shared_data: Path) -> Path:
    file = shared_data.parent / "models" / "face_mesh_attention.onnx"
    if not file.exists():
        pytest.skip(f"needs the unchanged conversion, {file}")
    return file


@pytest.fixture(scope="module")
def crops(shared_data: Path) -> list[Floats]:
    """[192, 192, 3] of a face: in the middle, tilted, half outside, and of no face."""
    picture = cv2.imread(str(shared_data / "images_expression/pyfeat_single_face.jpg"))
    assert picture is not None
    image = np.ascontiguousarray(picture[:, :, ::-1], np.uint8)
    height, width = image.shape[:2]
    boxes = [
        RotatedBox(width * x, height * y, min(width, height) * size, turn)
        for x, y, size, turn in ((0.5, 0.5, 0.9, 0.0), (0.5, 0.45, 0.7, 0.4), (0.2, 0.3, 0.5, -0.2))
    ]
    noise = np.random.default_rng(4).random((SIZE, SIZE, 3), dtype=np.float32)
    return [*(crop(image, box, SIZE)[0] for box in boxes), noise]


def expected(source: Path, patch: Floats) -> tuple[Floats, float]:
    """Points and face probability as MediaPipe puts the source's outputs together."""
    session = ort.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    raw = dict(zip(names, session.run(None, {"input_1": patch[None]}), strict=True))
    points = np.zeros((POINTS, 3), np.float32)
    points[:468] = raw["output_mesh_identity"].reshape(468, 3)
    for name, places in graph.REFINED:
        points[list(places), :2] = raw[name].reshape(-1, 2)
    points[468:473, 2] = points[[33, 133], 2].mean()
    points[473:, 2] = points[[263, 362], 2].mean()
    return points, float(1 / (1 + np.exp(-raw["conv_faceflag"].ravel()[0])))


def test_its_points_are_those_of_its_source(source: Path, crops: list[Floats]) -> None:
    shipped = models.session("face", "face_mesh_attention")
    for patch in crops:
        points, probability = expected(source, patch)
        found, [face] = shipped.run(None, {"input_1": patch[None]})
        assert found == pytest.approx(points, abs=2e-3), "px of the crop"
        assert face == pytest.approx(probability, abs=1e-4)


def test_the_shipped_network_is_the_rewritten_source(
    source: Path, crops: list[Floats], tmp_path: Path
) -> None:
    made = tmp_path / "mesh.onnx"
    assert graph.main(["--source", str(source), "--out", str(made)]) == 0
    again = ort.InferenceSession(str(made), providers=["CPUExecutionProvider"])
    shipped = models.session("face", "face_mesh_attention")
    for patch in crops:
        for ours, theirs in zip(
            again.run(None, {"input_1": patch[None]}),
            shipped.run(None, {"input_1": patch[None]}),
            strict=True,
        ):
            assert np.array_equal(ours, theirs)
