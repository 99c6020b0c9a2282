"""Finding and following faces in real pictures."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from services.face.mesh import LEFT_EYE_OUTER, POINTS, RIGHT_EYE_OUTER, FaceTracker
from services.runtime.vision import face_detector
from training.face.dataset import frames


def picture(path: Path) -> npt.NDArray[np.uint8]:
    loaded = cv2.imread(str(path))
    assert loaded is not None
    return np.ascontiguousarray(loaded[:, :, ::-1], np.uint8)


@pytest.fixture
def tracker() -> FaceTracker:
    return FaceTracker(face_detector("face"))


def test_a_face_has_its_points_in_the_picture(shared_data: Path, tracker: FaceTracker) -> None:
    image = picture(shared_data / "images_expression/pyfeat_single_face.jpg")
    face = tracker.track(image, 0)
    assert face is not None
    assert face.points.shape == (POINTS, 3)
    assert face.others == 0
    assert face.probability > 0.9
    right, left = face.points[RIGHT_EYE_OUTER], face.points[LEFT_EYE_OUTER]
    assert right[0] < left[0], "the person's right eye is to the left in the picture"
    assert (face.points[:, :2] > 0).all()
    assert (face.points[:, :2] < image.shape[1::-1]).all()


def test_several_faces_are_counted(shared_data: Path, tracker: FaceTracker) -> None:
    face = tracker.track(picture(shared_data / "images_expression/pyfeat_multi_face.jpg"), 0)
    assert face is not None
    assert face.others >= 1


def test_a_tilted_face_is_found_upright(shared_data: Path) -> None:
    image = picture(shared_data / "images_expression/pyfeat_0-f1-su-ph.jpg")
    turn = cv2.getRotationMatrix2D((256, 256), 30, 1.0)
    tilted = np.asarray(cv2.warpAffine(image, turn, (512, 512)), np.uint8)
    upright = FaceTracker(face_detector("face")).track(image, 0)
    found = FaceTracker(face_detector("face")).track(tilted, 0)
    assert upright is not None
    assert found is not None
    moved = upright.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    eyes = np.linalg.norm(moved[RIGHT_EYE_OUTER] - moved[LEFT_EYE_OUTER])
    assert np.linalg.norm(found.points[:, :2] - moved, axis=1).mean() < 0.05 * eyes


def test_following_finds_what_searching_finds(shared_data: Path) -> None:
    path = shared_data / "video_talking/retalking_face3.mp4"
    following = FaceTracker(face_detector("face"))
    for number, (image, time_us) in enumerate(frames(path, 5)):
        followed = following.track(image, time_us)
        searched = FaceTracker(face_detector("face")).track(image, time_us)
        assert followed is not None
        assert searched is not None
        eyes = np.linalg.norm(followed.points[RIGHT_EYE_OUTER] - followed.points[LEFT_EYE_OUTER])
        apart = np.linalg.norm(followed.points - searched.points, axis=1)[:468].mean()
        assert apart < 0.05 * eyes
        if number == 8:
            break


def test_a_candidate_who_comes_back_is_followed_again(
    shared_data: Path, tracker: FaceTracker
) -> None:
    """And not whoever was seen behind them meanwhile."""
    image = picture(shared_data / "images_expression/pyfeat_single_face.jpg")
    near, far = (cv2.resize(image, (side, side)) for side in (400, 230))
    alone = np.full((480, 640, 3), 127, np.uint8)
    alone[100:330, 405:635] = far
    both = alone.copy()
    both[40:440, :400] = near
    scenes = [both] * 5 + [alone] * 10 + [both] * 30
    seen = [tracker.track(scene, number * 66_667) for number, scene in enumerate(scenes)]
    middles = [face and (face.box[0] + face.box[2]) / 2 for face in seen]
    assert all(middle and middle < 320 for middle in middles[:5])
    assert all(middle and middle > 320 for middle in middles[6:15])
    assert all(middle and middle < 320 for middle in middles[-10:])
    assert None in middles[15:], "what the other one did ends"
    last = seen[-1]
    assert last is not None
    assert last.others == 1


def test_no_face_is_found_where_there_is_none(tracker: FaceTracker) -> None:
    assert tracker.track(np.full((480, 640, 3), 127, np.uint8), 0) is None
