"""The landmark table's split, and photos by their labels."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the training packages: make training-setup")

from services.gesture.shapes import SHAPES
from training.gesture.dataset import GROUPS, HELD_OUT_EVERY, TABLE, shrink, table


def write(folder: Path, rows: list[list[float]]) -> None:
    file = folder / TABLE
    file.parent.mkdir()
    file.write_text("\n".join(",".join(str(value) for value in row) for row in rows) + "\n")
    names = file.with_name("keypoint_labels.csv")
    names.write_text("\ufeffOpen\nClose\nPointer\nOK\n", encoding="utf-8")


def test_a_table_that_was_never_trained_on_is_all_held_out(tmp_path: Path) -> None:
    write(tmp_path, [[number % 4, *[0.1 * number] * 42] for number in range(8)] + [[1, 2]])
    rows = table(tmp_path)
    assert rows is not None
    trained, held = rows
    assert len(trained.labels) == 0
    assert [SHAPES[label] for label in held.labels[:4]] == ["open_palm", "fist", "pointing", "none"]
    assert held.points.shape == (8, 21, 2)


def test_a_folder_without_a_table_has_none(tmp_path: Path) -> None:
    assert table(tmp_path) is None


def test_like_rows_are_on_one_side_of_the_split(shared_data: Path) -> None:
    rows = table(shared_data)
    assert rows is not None
    trained, held = rows
    assert len(held.labels) > 1.5 * len(trained.labels) / GROUPS
    share = len(held.labels) / (len(held.labels) + len(trained.labels))
    assert 0.5 / HELD_OUT_EVERY < share < 2 / HELD_OUT_EVERY
    flat = trained.points.reshape(len(trained.points), -1)
    apart = [np.linalg.norm(flat - hand.ravel(), axis=1).min() for hand in held.points[::10]]
    within = [np.partition(np.linalg.norm(flat - hand, axis=1), 1)[1] for hand in flat[::50]]
    assert np.median(apart) > 1.5 * np.median(within)


def test_large_pictures_shrink_to_the_size_that_is_published() -> None:
    assert shrink(np.zeros((1280, 1920, 3), np.uint8)).shape == (427, 640, 3)
    assert shrink(np.zeros((300, 200, 3), np.uint8)).shape == (300, 200, 3)
