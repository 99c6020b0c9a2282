"""Head pose: a drawn head turned by known angles gives them back, a real one its direction."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.face.eyes import gaze
from services.face.mesh import POINTS, FaceTracker
from services.face.pose import ACROSS, DOWN, NEUTRAL_PITCH_DEG, head_pose
from services.runtime.media import Floats
from services.runtime.vision import face_detector
from training.face.dataset import frames

NOSE, RIGHT_EAR, LEFT_EAR = 1, 234, 454


def head(yaw: float, pitch: float, roll: float) -> Floats:
    """[478, 3] of a head turned: yaw to its own left, pitch up, roll to its right shoulder."""
    points = np.zeros((POINTS, 3))
    for right, left in ACROSS:
        points[right], points[left] = (-50, 0, 0), (50, 0, 0)
    for top, bottom in DOWN:
        points[top], points[bottom] = (0, -60, 0), (0, 60, 0)
    y, p, r = np.radians([yaw, pitch + NEUTRAL_PITCH_DEG, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned: Floats = points @ (about_z @ about_y @ about_x).T + np.array([320, 240, 0])
    return turned


@given(st.floats(-50, 50), st.floats(-35, 35), st.floats(-40, 40))
def test_known_angles_come_back(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(head(yaw, 0, roll))
    assert pose.roll == pytest.approx(roll, abs=0.5)
    assert pose.yaw == pytest.approx(yaw, abs=0.5)
    assert head_pose(head(0, pitch, 0)).pitch == pytest.approx(pitch, abs=0.5)


def test_a_head_looks_up_as_its_nose_rises_above_its_ears(shared_data: Path) -> None:
    """What the picture shows without any depth; and head and eyes go the same way."""
    clip = shared_data / "video_expression/pyfeat_pexels_woman_cry_to_smile.mp4"
    tracker = FaceTracker(face_detector("face"))
    rows = []
    for image, time_us in frames(clip, 6):
        face = tracker.track(image, time_us)
        assert face is not None
        nose, right, left = face.points[[NOSE, RIGHT_EAR, LEFT_EAR], :2]
        rise = ((right + left)[1] / 2 - nose[1]) / np.linalg.norm(left - right)
        pose = head_pose(face.points)
        rows.append((rise, pose.pitch, gaze(face.points, pose).y - pose.pitch))
    rise_with, head_with = np.corrcoef(np.array(rows).T)[:2, 1:].diagonal()
    assert rise_with > 0.8
    assert head_with > 0.6


def test_points_on_one_spot_raise_nothing() -> None:
    pose = head_pose(np.zeros((POINTS, 3)))
    assert np.isfinite([pose.yaw, pose.pitch, pose.roll]).all()
