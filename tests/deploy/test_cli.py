"""What `greenroom run` and `greenroom demo` say before anything is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from loadtest.cli import UNUSABLE


def greenroom(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_setting_that_can_not_be(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GREENROOM_HTTP_PORT", "80a")
    monkeypatch.setenv("GREENROOM_WORKERS", "0")
    ran = greenroom(command)
    assert ran.exit_code == UNUSABLE, ran.output
    assert "GREENROOM_HTTP_PORT=80a: " in ran.output
    assert "GREENROOM_WORKERS=0: " in ran.output


def test_a_data_folder_that_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(tmp_path / "file" / "data"))
    ran = greenroom("run")
    assert ran.exit_code == UNUSABLE, ran.output
    assert "set GREENROOM_DATA_DIR to a folder that can" in ran.output


def test_a_demo_whose_results_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = greenroom("demo", "--out", str(tmp_path / "file"))
    assert ran.exit_code == UNUSABLE, ran.output
    assert "name another folder with --out" in ran.output
