"""The evaluation on a few real recordings, and how labels judge hints."""

from pathlib import Path

import pytest

from training.data import manifest
from training.fusion import ablation, hints
from training.fusion.corpus import Practice, practices
from training.fusion.evaluate import evaluate
from training.fusion.weights import SCORES
from training.results import Row

FEW = ("video_talking/retalking_face3.mp4", "speech_clean/azure_steve.wav")


@pytest.fixture(scope="module")
def few(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same layout with two recordings."""
    folder = tmp_path_factory.mktemp("data")
    lines = (shared_data / "MANIFEST.tsv").read_text().splitlines()
    kept = [line for line in lines[1:] if line.split("\t")[0] in FEW]
    (folder / "MANIFEST.tsv").write_text("\n".join([lines[0], *kept]) + "\n")
    for name in FEW:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(shared_data / name)
    return folder


@pytest.fixture(scope="module")
def rows(few: Path) -> list[Row]:
    return evaluate(few)


def test_every_sentence_is_borne_out(rows: list[Row]) -> None:
    found = rows[0]
    assert found.value == 1.0
    assert found.n >= 20


def test_hints_are_counted_and_judged(rows: list[Row]) -> None:
    found = [row for row in rows if row.metric == "hint precision"]
    assert found
    assert all(row.value is None or 0 <= row.value <= 1 for row in found)


def test_each_score_is_told_without_each_of_its_modalities(rows: list[Row]) -> None:
    found = [row.metric for row in rows if " without " in row.metric]
    for score in SCORES:
        assert any(metric.startswith(score) for metric in found)
    assert all(row.unit == "points" for row in rows if " without " in row.metric and row.value)


def test_a_modality_that_is_missing_widens_the_interval(few: Path) -> None:
    for practice in practices(few):
        full = ablation._given(practice)
        cut = ablation._given(practice, ["filler_words", "disfluencies"])
        for score in {"fluency"} & set(full) & set(cut):
            widths = [found[score].high - found[score].low for found in (full, cut)]
            assert widths[0] < widths[1]


def test_a_folder_without_recordings_is_skipped_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.tsv").write_text("file\ttier\n")
    assert [row.note for row in evaluate(tmp_path)] == ["skipped: no talking videos or speech"]


def practice(shared_data: Path, name: str, seconds: float) -> Practice:
    entry = next(e for e in manifest(shared_data) if str(e.path).endswith(name))
    return Practice(entry, seconds, [])


@pytest.mark.parametrize(
    ("trigger", "name", "right"),
    [
        ("good_eye_contact", "latentsync_demo3_gestures_en.mp4", True),
        ("good_eye_contact", "intel_head_pose_female.gif", False),
        ("look_up", "intel_head_pose_female.gif", True),
        ("look_up", "latentsync_demo3_gestures_en.mp4", False),
        ("steady_hands", "latentsync_demo3_gestures_en.mp4", False),
        ("speak_up", "latentsync_demo2_standing.mp4", True),
        ("speak_up", "azure_katie.wav", False),
        ("fillers", "ami_trn03.wav", True),
        ("fillers", "grid_lbax4n.mpg", False),
        ("hands_down", "pyfeat_pexels_woman_cry_to_smile.mp4", True),
        ("hands_down", "azure_katie.wav", False),
        ("good_pace", "grid_lbax4n.mpg", True),
        ("slow_down", "grid_lbax4n.mpg", False),
    ],
)
def test_labels_judge_hints(shared_data: Path, trigger: str, name: str, right: bool) -> None:
    assert hints._JUDGES[trigger](practice(shared_data, name, 3.0)) is right


def test_what_the_label_does_not_say_is_not_judged(shared_data: Path) -> None:
    silent = practice(shared_data, "ami_dev00.wav", 30)
    assert hints._JUDGES["good_eye_contact"](silent) is None
    assert hints._JUDGES["good_pace"](silent) is None
