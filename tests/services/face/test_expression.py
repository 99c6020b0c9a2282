"""The expression head on real faces."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.face.expression import BLENDSHAPES, INPUT_POINTS, ExpressionHead, normalize, pair
from services.face.mesh import FaceTracker
from services.runtime.media import Floats
from services.runtime.vision import face_detector


def shapes_of(path: Path) -> Floats:
    picture = cv2.imread(str(path))
    assert picture is not None
    image = np.ascontiguousarray(picture[:, :, ::-1], np.uint8)
    face = FaceTracker(face_detector("face")).track(image, 0)
    assert face is not None
    return ExpressionHead()(face.points)


def test_a_happy_face_smiles_and_an_angry_one_lowers_its_brows(shared_data: Path) -> None:
    happy = shapes_of(shared_data / "images_expression/pyfeat_0-f15-hao-ph.jpg")
    angry = shapes_of(shared_data / "images_expression/pyfeat_15-f13-anc-ph.jpg")
    assert happy.shape == (len(BLENDSHAPES),)
    assert pair(happy, "mouthSmile") > 0.5 > pair(angry, "mouthSmile")
    assert pair(angry, "browDown") > pair(happy, "browDown")


def test_a_surprised_face_opens_its_mouth(shared_data: Path) -> None:
    surprised = shapes_of(shared_data / "images_expression/pyfeat_0-f1-su-ph.jpg")
    assert surprised[BLENDSHAPES.index("jawOpen")] > 0.2


def test_normalizing_takes_place_size_and_tilt_away() -> None:
    random = np.random.default_rng(2)
    face = random.normal(size=(478, 3))
    cos, sin = np.cos(0.4), np.sin(0.4)
    moved = face.copy()
    moved[:, :2] = face[:, :2] @ np.array([[cos, sin], [-sin, cos]]) * 7 + (30, -12)
    assert normalize(face).shape == (len(INPUT_POINTS), 2)
    assert normalize(moved) == pytest.approx(normalize(face), abs=1e-4)
