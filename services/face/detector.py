"""BlazeFace (Bazarevsky et al. 2019): where faces are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.runtime import models
from services.runtime.vision import Detection, decode_ssd, letterbox, ssd_anchors

SIZE = 128
THRESHOLD = 0.5
"""MediaPipe's own."""


class FaceDetector:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("face", "face_detector")
        self._anchors = ssd_anchors(SIZE)

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Detection]:
        """Faces of an RGB picture [h, w, 3], best first. Keypoints: right eye, left eye,
        nose, mouth, right ear, left ear (the person's own right and left)."""
        boxed, scale, left, top = letterbox(image, SIZE)
        regressors, logits = self._session.run(
            ["regressors", "classificators"], {"input": boxed[None] * 2 - 1}
        )
        offset = np.array([left, top], np.float32)
        return [
            Detection(
                (found.box - np.tile(offset, 2)) / scale,
                (found.keypoints - offset) / scale,
                found.score,
            )
            for found in decode_ssd(regressors[0], logits[0, :, 0], self._anchors, SIZE, THRESHOLD)
        ]
