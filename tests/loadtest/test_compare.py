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


def test_sums_over_different_processes_are_not_judged() -> None:
    before, after = result(), result()
    after.processes["gateway"] = before.processes["face"]
    for made, cores in ((before, 0.2), (after, 0.4)):
        made.metrics |= {"cores": cores, "memory_per_session": cores, "face_memory": cores}
    words = {change.metric: change.word for change in compare.changes(before, after)}
    assert (words["cores"], words["memory_per_session"]) == ("", "")
    assert words["face_memory"] == "worse", "of face both measured the same process"
    [said] = compare.differing_options(before, after)
    assert said.startswith("processes: face and face, gateway; ")


def test_recordings_of_one_name_and_other_content_are_named() -> None:
    before, after = result(), result()
    before.options.digests = ["aa"]
    assert compare.differing_options(before, after) == [], "an older result says nothing of it"
    after.options.digests = ["bb"]
    [said] = compare.differing_options(before, after)
    assert said.startswith("content of a.mp4: ")


def test_both_versions_are_named() -> None:
    before, after = result(), result()
    before.greenroom, after.greenroom = "0.1.0", "0.2.0"
    title = str(compare.table(before, after).title)
    assert "Greenroom 0.1.0" in title
    assert "Greenroom 0.2.0" in title


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
