"""Labelled pictures: expressions that people named, and how far a head is turned."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.face.expression import ExpressionHead, pair
from services.face.mesh import Face, FaceTracker
from services.face.pose import head_pose
from services.runtime.media import Floats
from services.runtime.vision import SsdDetector, face_detector
from training.data import manifest
from training.face.teacher import TEACHER, open_model
from training.results import Comparison, Row, bootstrap, skipped

AREA = "face"
FOLDER = "images_expression"
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's classes in the order of the peer's output."""

PER_CLASS = 120
"""Pictures of each class: enough for an interval of some 3 points, in ten seconds."""

ENLARGED = 192
"""px: FER2013's 48 px are too few for the detector."""

MARGIN = 0.35
"""FER2013 cuts faces close; the detector wants some picture around them."""

FOLDS = 5
PEER = "fer_mini_xception.onnx"


@dataclass(frozen=True)
class Still:
    label: str
    picture: npt.NDArray[np.uint8]
    """[h, w] grey"""
    shapes: Floats | None
    """[52]; None when no face was found"""


def rows(data: Path) -> list[Row]:
    return [*_expressions(data), _yaw(data)]


def _expressions(data: Path) -> list[Row]:
    metric = "FER2013's seven expressions, accuracy"
    stills = list(_stills(data))
    if not stills:
        return [skipped(AREA, metric, f"no {FOLDER}/*.zip with a folder for each class")]
    found = [still for still in stills if still.shapes is not None]
    labels = np.array([EMOTIONS.index(still.label) for still in found])
    guesses = _read_out(np.array([still.shapes for still in found]), labels)
    # A face that is not found is a wrong answer.
    right = np.zeros((len(stills), 1))
    right[: len(found), 0] = guesses == labels
    low, high = bootstrap(list(right[:, None]), lambda sample: float(sample.mean()))
    counts = np.bincount([EMOTIONS.index(still.label) for still in stills])
    return [
        Row(
            area=AREA, metric=metric, value=float(right.mean()), low=low, high=high, n=len(stills),
            baseline=Comparison(name="majority", value=float(counts.max() / len(stills))),
            peer=_peer(stills),
            note=f"a linear read-out of our 52 coefficients, {FOLDS}-fold, for measuring only; the "
            "peer was trained on these very pictures",
        ),
        _smile(found),
        Row(
            area=AREA, metric="FER2013's pictures in which a face is found", n=len(stills),
            value=len(found) / len(stills), note="48 px, enlarged",
        ),
    ]  # fmt: skip


def _read_out(shapes: Floats, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    guesses: npt.NDArray[np.int64] = cross_val_predict(model, shapes, labels, cv=folds)
    return guesses


def _peer(stills: list[Still]) -> Comparison | None:
    path = TEACHER.parent / PEER
    if not path.is_file():
        return None
    network = open_model(path)
    right = [_emotion(network, still.picture) == still.label for still in stills]
    return Comparison(name="fer's mini-Xception", value=float(np.mean(right)))


def _emotion(network: ort.InferenceSession, picture: npt.NDArray[np.uint8]) -> str:
    grey = cv2.resize(picture, (64, 64)).astype(np.float32)
    [shares] = network.run(
        None, {network.get_inputs()[0].name: (grey / 127.5 - 1)[None, ..., None]}
    )
    return EMOTIONS[int(np.argmax(shares[0]))]


def _smile(stills: list[Still]) -> Row:
    """Does our smile tell the happy from the others? ROC-AUC, with no read-out at all."""
    scored = np.array(
        [[s.label == "happy", pair(s.shapes, "mouthSmile")] for s in stills if s.shapes is not None]
    )
    low, high = bootstrap(list(scored[:, None]), area_under_curve)
    return Row(
        area=AREA, metric="smile tells FER2013's happy from the others, ROC-AUC", n=len(scored),
        value=area_under_curve(scored), low=low, high=high,
        baseline=Comparison(name="chance", value=0.5),
    )  # fmt: skip


def area_under_curve(scored: Floats) -> float:
    """Of [n, (label, score)]: how often a positive scores above a negative, ties counted half."""
    positive, negative = (scored[scored[:, 0] == label, 1] for label in (1, 0))
    if not len(positive) or not len(negative):
        return float("nan")
    above = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    return float(above)


def _stills(data: Path) -> Iterator[Still]:
    """Faces that were found first, then the others."""
    detector, head = face_detector("face"), ExpressionHead()
    missed = []
    for label, picture in _pictures(data):
        face = _look(picture, detector)
        if face is None:
            missed.append(Still(label, picture, None))
        else:
            yield Still(label, picture, head(face.points))
    yield from missed


def _pictures(data: Path) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    for entry in manifest(data, FOLDER):
        if entry.path.suffix != ".zip":
            continue
        with zipfile.ZipFile(entry.path) as archive:
            taken = dict.fromkeys(EMOTIONS, 0)
            for name in sorted(archive.namelist()):
                label = Path(name).parent.name.lower()
                if label not in taken or taken[label] == PER_CLASS or name.endswith("/"):
                    continue
                content = np.frombuffer(io.BytesIO(archive.read(name)).getbuffer(), np.uint8)
                picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
                if picture is not None:
                    taken[label] += 1
                    yield label, np.asarray(picture, np.uint8)


def _look(picture: npt.NDArray[np.uint8], detector: SsdDetector) -> Face | None:
    large = cv2.resize(picture, (ENLARGED, ENLARGED), interpolation=cv2.INTER_CUBIC)
    edge = round(ENLARGED * MARGIN)
    framed = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return FaceTracker(detector).track(np.repeat(framed[..., None], 3, axis=2), 0)


def _yaw(data: Path) -> Row:
    metric = "how far a head is turned, mean absolute error"
    errors, straight = [], []
    detector = face_detector("face")
    for entry in manifest(data, FOLDER):
        label = re.search(r"yaw (-?\d+)", entry.label)
        picture = cv2.imread(str(entry.path)) if label else None
        if label is None or picture is None:
            continue
        wanted = abs(float(label[1]))
        image = np.ascontiguousarray(picture[:, :, ::-1], np.uint8)
        face = FaceTracker(detector).track(image, 0)
        got = 0.0 if face is None else abs(head_pose(face.points).yaw)
        errors.append(np.array([abs(got - wanted)]))
        straight.append(wanted)
    if not errors:
        return skipped(AREA, metric, f"no picture in {FOLDER} is labelled with a yaw")
    low, high = bootstrap(errors, lambda sample: float(sample.mean()))
    return Row(
        area=AREA, metric=metric, value=float(np.mean(errors)), low=low, high=high, n=len(errors),
        unit="degrees", better="lower",
        baseline=Comparison(name="always straight ahead", value=float(np.mean(straight))),
        note="the pictures say how far, not to which side; they call a turn by the camera's place",
    )  # fmt: skip
