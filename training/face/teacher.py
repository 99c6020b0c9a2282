"""Google's landmark and blendshape models as labellers: read in place, never shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.face.expression import INPUT_POINTS
from services.face.mesh import FACE_FLAG, LEFT_EYE_OUTER, MARGIN, RIGHT_EYE_OUTER, box_of
from services.runtime.media import Floats
from services.runtime.vision import RotatedBox, SsdDetector, crop, largest, to_picture

TEACHER = Path(__file__).resolve().parents[3] / "shared" / "models" / "teacher"
SIZE = 256


class Teacher:
    """Raises FileNotFoundError where the teacher's models are not there."""

    def __init__(self, folder: Path = TEACHER) -> None:
        self._landmarks = open_model(folder / "face_landmarks_v2.onnx")
        self._blendshapes = open_model(folder / "face_blendshapes.onnx")

    def landmarks(self, image: npt.NDArray[np.uint8], box: RotatedBox) -> Floats:
        """[478, 3] px of the face in a square region of an RGB picture."""
        return self._fit(image, box)[0]

    def _fit(self, image: npt.NDArray[np.uint8], box: RotatedBox) -> tuple[Floats, float]:
        patch, back = crop(image, box, SIZE)
        name = self._landmarks.get_inputs()[0].name
        raw, flag, _ = self._landmarks.run(None, {name: patch[None]})
        points = raw.reshape(-1, 3)
        flat, depth = to_picture(points[:, :2], back), points[:, 2:] * (box.size / SIZE)
        return np.concatenate([flat, depth], axis=1), float(1 / (1 + np.exp(-flag.ravel()[0])))

    def track(
        self, image: npt.NDArray[np.uint8], detector: SsdDetector, before: Floats | None
    ) -> Floats | None:
        """As MediaPipe's face landmarker follows a face: [478, 3] px, or None.

        before: its points in the last frame; without them the largest face is searched for.
        """
        if before is None:
            found = detector.detect(image)
            if not found:
                return None
            box = box_of(largest(found))
        else:
            box = region(before)
        points, flag = self._fit(image, box)
        return points if flag >= FACE_FLAG else None

    def blendshapes(self, points: Floats) -> Floats:
        """[478, 2] px -> [52]."""
        name = self._blendshapes.get_inputs()[0].name
        chosen = points[INPUT_POINTS, :2].astype(np.float32)
        result: Floats = self._blendshapes.run(None, {name: chosen[None]})[0]
        return result


def region(points: Floats) -> RotatedBox:
    """As MediaPipe crops for its landmarks: the face's square times 1.5, eye line level."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    x, y = (low + high) / 2
    across = points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]
    return RotatedBox(
        float(x),
        float(y),
        float(max(high - low)) * MARGIN,
        float(np.arctan2(across[1], across[0])),
    )


def open_model(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise FileNotFoundError(f"the teacher's model {path.name} is missing in {path.parent}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
