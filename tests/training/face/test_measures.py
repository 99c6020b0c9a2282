"""The face evaluation's own measures, on numbers whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from training.face.dataset import person
from training.face.motion import crossings, f1, matched
from training.face.points import rows


def test_blink_labels_are_short_crossings() -> None:
    opened, shut = 0.1, 0.9
    values = [opened] * 5 + [shut] * 3 + [opened] * 5 + [shut] * 40 + [opened] * 3
    spans = crossings([(number * 40_000, value) for number, value in enumerate(values)])
    assert spans == [(200_000, 320_000)], "eyes that stay shut are no blink"


def test_each_event_is_matched_once() -> None:
    wanted = [(0, 100_000), (1_000_000, 1_100_000), (5_000_000, 5_100_000)]
    got = [(1_200_000, 1_300_000), (50_000, 80_000), (60_000, 90_000)]
    assert matched(wanted, got) == 2
    assert matched(wanted[:1], got[1:]) == 1
    assert f1(np.array([[2.0, 3.0, 3.0]])) == pytest.approx(2 / 3)


def test_clips_of_the_same_people_are_one_group() -> None:
    assert person("asl_again") == person("asl_yes")
    assert person("grid_brbk7n") != person("grid_lbax4n")


def test_without_videos_every_row_says_what_is_missing() -> None:
    found = rows([])
    assert found
    assert all(row.value is None and row.note.startswith("skipped: ") for row in found)


def test_stills_say_what_a_folder_lacks(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs the training packages: make training-setup")
    from training.face import stills

    (tmp_path / "MANIFEST.tsv").write_text(
        "file\ttier\tlicence\tduration_s\tformat\tshows\tlabel_or_transcript\n"
    )
    found = stills.rows(tmp_path)
    assert len(found) == 2
    assert all(row.note.startswith("skipped: ") for row in found)
    assert stills.area_under_curve(np.array([[1, 0.9], [0, 0.1], [1, 0.5], [0, 0.5]])) == 0.875
