"""Two results side by side: what is better, worse, or not alike."""

from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from deploy.cli import app
from loadtest import compare
from tests.loadtest.made import result


def test_changes_are_judged_by_what_the_metric_means() -> None:
    before, after = result(face_p95=40), result(face_p95=60)
    after.metrics["reports_complete"] = 50.0
    words = {change.metric: change.word for change in compare.changes(before, after)}
    assert words == {"face_p95": "worse", "reports_complete": "worse"}
    words = {change.metric: change.word for change in compare.changes(after, before)}
    assert words == {"face_p95": "better", "reports_complete": "better"}


def test_small_changes_are_none() -> None:
    [face, _] = compare.changes(result(face_p95=40), result(face_p95=42))
    assert face.word == ""


def test_from_nothing_is_a_change_too() -> None:
    before, after = result(), result()
    before.metrics["failed"], after.metrics["failed"] = 0.0, 50.0
    assert {c.metric: c.word for c in compare.changes(before, after)}["failed"] == "worse"


def test_a_metric_of_one_result_alone_is_shown_without_a_word() -> None:
    before, after = result(), result()
    after.metrics["join_p95"] = 300.0
    change = next(c for c in compare.changes(before, after) if c.metric == "join_p95")
    assert (change.before, change.share, change.word) == (None, None, "")
    console = Console(record=True, width=120)
    console.print(compare.table(before, after))
    assert "not measured" in console.export_text()


def test_unlike_runs_are_named() -> None:
    assert compare.differing_options(result(), result()) == []
    assert compare.differing_options(result(1), result(2)) == ["sessions: 1 and 2"]


def test_results_that_were_not_trusted_and_metrics_of_another_build(tmp_path: Path) -> None:
    before, after = result(trusted=False), result()
    after.metrics["of_another_build"] = 3.0
    for name, made in (("before", before), ("after", after)):
        made.write(tmp_path / name)
    compared = ("compare", str(tmp_path / "before"), str(tmp_path / "after"))
    ran = CliRunner().invoke(app, compared, env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    assert "can't be trusted before: the load generator's loop woke up" in ran.output
    assert "trusted after" not in ran.output
    assert "of_another_build" in ran.output
