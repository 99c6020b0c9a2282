"""The measures of the answers' accuracy, on figures worked out by hand."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the training packages: make training-setup")
pytest.importorskip("torch", reason="needs the training packages: make training-setup")

from sklearn.metrics import f1_score

from services.answers import relevance
from services.answers.embedder import Embedder
from services.runtime.questions import bank
from training.answers import dataset, f1, held_out, interview, parts, points, repairs, stories
from training.answers.scoring import kappa, pearson, two_way_f1
from training.answers.spoken import spoken

XML = """<question id="q"><questionText>Why?</questionText>
<referenceAnswers><referenceAnswer>Because.</referenceAnswer></referenceAnswers>
<studentAnswers><studentAnswer accuracy="correct">So it is.</studentAnswer>
<studentAnswer accuracy="contradictory">Not so.</studentAnswer>
<studentAnswer accuracy="odd">?</studentAnswer><studentAnswer accuracy="correct"></studentAnswer>
</studentAnswers></question>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / dataset.FOLDER).mkdir()
    with zipfile.ZipFile(tmp_path / dataset.FOLDER / "any.zip", "w") as archive:
        archive.writestr("test/3way/beetle/q.xml", XML)
        archive.writestr("test/2way/beetle/q.xml", XML)
    (tmp_path / dataset.FOLDER / "scores.csv").write_text(
        "id,question,desired_answer,student_answer,score_me,score_other,score_avg\n"
        "1.1,Why?,Because.,So.,4,3,3.5\n"
    )
    return tmp_path


def test_answers_of_any_archive_are_read_once(folder: Path) -> None:
    items = dataset.labelled(folder)
    assert [(item.answer, item.label) for item in items] == [("So it is.", 2), ("Not so.", 0)]
    assert {item.corpus for item in items} == {"beetle"}
    assert dataset.scored(folder)[0].score == pytest.approx(0.7)


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    assert dataset.labelled(tmp_path) == dataset.scored(tmp_path) == []
    assert "skipped" in repairs.rows(tmp_path)[0].note


def test_no_question_is_in_two_folds(shared_data: Path) -> None:
    items = dataset.labelled(shared_data)
    fold = dataset.folds(items)
    homes: dict[str, set[int]] = {}
    for item, number in zip(items, fold, strict=True):
        homes.setdefault(item.question_key, set()).add(int(number))
    assert all(len(home) == 1 for home in homes.values())
    assert set(fold) == set(range(dataset.FOLDS))
    assert min(np.bincount(fold)) > len(items) / dataset.FOLDS / 3


def test_every_answer_that_was_trained_on_was_also_held_out(shared_data: Path) -> None:
    items = dataset.labelled(shared_data)
    held = [held_out.of(item) for item in items]
    assert all(row is not None and row[:3].sum() == pytest.approx(1, abs=0.003) for row in held)


def test_an_answer_that_was_not_trained_on_is_not_held_out(folder: Path) -> None:
    assert held_out.of(dataset.labelled(folder)[0]) is None


def test_f1_weighs_by_class() -> None:
    columns = np.array([[2, 2], [2, 2], [2, 0], [0, 0]], float)
    assert f1.weighted(columns) == pytest.approx(0.75 * 0.8 + 0.25 * 2 / 3)
    assert two_way_f1(columns) == pytest.approx(f1.weighted(columns))
    confused = np.array([[0, 1], [1, 0], [2, 2], [2, 2]], float)
    assert two_way_f1(confused) == 1.0
    assert f1.weighted(confused) == 0.5


def test_f1_is_the_library_s() -> None:
    random = np.random.default_rng(3)
    columns = random.integers(0, 3, (200, 2)).astype(float)
    expected = f1_score(columns[:, 0], columns[:, 1], average=None)
    np.testing.assert_allclose(f1.by_class(columns)[0], expected)
    assert f1.weighted(columns) == pytest.approx(
        f1_score(columns[:, 0], columns[:, 1], average="weighted")
    )
    assert f1.of_class(columns, 7) == 0


def test_agreement_of_scores() -> None:
    same = np.array([[0.0, 0.0], [0.4, 0.4], [1.0, 1.0]])
    assert pearson(same) == pytest.approx(1)
    assert kappa(same) == pytest.approx(1)
    assert kappa(np.array([[0, 1], [1, 0]], float)) == pytest.approx(-1)
    assert np.isnan(pearson(same[:2]))


def test_written_answers_name_real_points() -> None:
    ids = {question.id: {point.id for point in question.points} for question in bank()}
    for answer in points.answers():
        assert answer.makes <= ids[answer.question]
        assert answer.text


def test_the_shipped_calibration_is_the_fitted_one() -> None:
    bias, of_head = points.fit(points.look(Embedder()))
    assert bias == pytest.approx(relevance.POINT_BIAS, abs=0.02)
    assert of_head == pytest.approx(relevance.POINT_HEAD, abs=0.02)


def test_sentences_of_every_part_are_written() -> None:
    counts = np.bincount([part for _, part in parts.typical()], minlength=len(parts.PARTS))
    assert counts.min() >= 10
    assert len(parts.stories()) >= 10


def test_stories_are_read_from_lists_and_letters(tmp_path: Path) -> None:
    (tmp_path / stories.FOLDER).mkdir()
    long = "word " * 12
    names = ("Situation", "Task", "Action", "Result")
    items = "".join(f"<li><b>{name}: </b>{name} {long}</li>" for name in names)
    letters = "\n\n".join(f'**{name[0]}:** "{name} {long}"' for name in names)
    (tmp_path / stories.FOLDER / "a.md").write_text(f"<details>{items}</details>\n\n{letters}\n")
    found = stories.read(tmp_path)
    assert len(found) == 2
    assert [part for _, part in found[0]] == [part for _, part in found[1]] == [0, 1, 2, 3]


def test_macro_f1_leaves_out_what_is_no_part() -> None:
    columns = np.array([[0, 0], [1, 1], [2, 2], [3, 4]], float)
    assert stories.macro_f1(columns) == pytest.approx(0.75)


def test_repairs_are_counted_on_test_texts_alone(tmp_path: Path) -> None:
    (tmp_path / repairs.FOLDER).mkdir()
    entries = {
        "1": {"original": "Who won the cup?", "disfluent": "Who lost no wait won the cup?"},
        "2": {"original": "When was it?", "disfluent": "#VALUE!"},
        "3": {"original": "Where is Rome?", "disfluent": "Where is Paris Rome?"},
    }
    for split in ("train", "test"):
        with gzip.open(tmp_path / repairs.FOLDER / f"disfl_{split}.json.gz", "wt") as file:
            json.dump(entries if split == "test" else {}, file)
    row = repairs.rows(tmp_path)[0]
    assert row.n == 2
    assert row.value == pytest.approx(2 * 1 / (2 + 1))


def test_clips_know_their_video(tmp_path: Path) -> None:
    (tmp_path / interview.FOLDER).mkdir()
    entry = {"split": "test", "video": "a.b-c.001.mp4", "transcript": "Hi.", "interview": 0.5}
    with gzip.open(tmp_path / interview.FOLDER / "x.jsonl.gz", "wt") as file:
        file.write(json.dumps(entry) + "\n")
    (clip,) = interview.read(tmp_path)
    assert clip.video == "a.b-c"


def test_spoken_words_may_lose_their_marks() -> None:
    assert [word.text for word in spoken("Well, I'm HERE - now.", plain=True)] == [
        "well", "i'm", "here", "-", "now",
    ]  # fmt: skip
