"""Results are read back as they were written; reports are taken apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.result import ResultError, SessionResult, read
from tests.loadtest.made import result


def test_written_and_read_back(tmp_path: Path) -> None:
    written = result(3)
    written.write(tmp_path / "result.json")
    assert read(tmp_path / "result.json") == written


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    result().write(path)
    content = json.loads(path.read_text()) | {"version": 99, "options": "as nobody knows them"}
    path.write_text(json.dumps(content))
    with pytest.raises(ResultError, match="version 99"):
        read(path)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json"])
def test_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ResultError, match=r"other\.json"):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="can't be read"):
        read(tmp_path / "none.json")


REPORT: dict[str, Any] = {
    "coverage": [
        {
            "kind": "KIND_FACE",
            "accounting": {"received": "10", "processed": "8", "dropped": {"superseded": "2"}},
        },
        {"kind": "KIND_VOICE", "note": "no sound"},
    ],
    "questions": [{}],
    "measures": [{}],
}


def test_a_report_is_complete_or_says_what_it_lacks() -> None:
    session = SessionResult(recording="a", outcome="completed")
    session.read(REPORT, ["face"], 1)
    assert session.report == "complete"
    assert session.accounting == {
        "face": {"received": 10, "processed": 8, "pending": 0, "dropped:superseded": 2}
    }
    session = SessionResult(recording="a", outcome="completed")
    session.read(REPORT | {"measures": []}, ["face", "voice"], 2)
    assert session.report == "lacks voice, questions, measures"
