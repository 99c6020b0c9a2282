"""Google's landmark and blendshape models as labellers: read in place, never shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.face.expression import INPUT_POINTS
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, crop, to_picture

TEACHER = Path(__file__).resolve().parents[3] / "shared" / "models" / "teacher"
SIZE = 256


class Teacher:
    """Raises FileNotFoundError where the teacher's models are not there."""

    def __init__(self, folder: Path = TEACHER) -> None:
        self._landmarks = _session(folder / "face_landmarks_v2.onnx")
        self._blendshapes = _session(folder / "face_blendshapes.onnx")

    def landmarks(self, image: npt.NDArray[np.uint8], box: RotatedBox) -> Floats:
        """[478, 2] px of the face in a square region of an RGB picture."""
        patch, back = crop(image, box, SIZE)
        name = self._landmarks.get_inputs()[0].name
        raw = self._landmarks.run(None, {name: patch[None]})[0].reshape(-1, 3)
        return to_picture(raw[:, :2], back)

    def blendshapes(self, points: Floats) -> Floats:
        """[478, 2] px -> [52]."""
        name = self._blendshapes.get_inputs()[0].name
        chosen = points[INPUT_POINTS, :2].astype(np.float32)
        result: Floats = self._blendshapes.run(None, {name: chosen[None]})[0]
        return result


def _session(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise FileNotFoundError(f"the teacher's model {path.name} is missing in {path.parent}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
