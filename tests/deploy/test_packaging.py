"""What is installed without the checkout and without the development packages."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ("gateway", "services", "deploy", "loadtest")
DEVELOPMENT = (
    "skimage",
    "pytest",
    "blockbuster",
    "hypothesis",
    "playwright",
    "grpc_tools",
    "jiwer",
)
CODE = (".py", ".pyc")


def test_the_command_starts_without_development_packages() -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({DEVELOPMENT!r})); "
        "from deploy.cli import app; app(['loadtest', '--help'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "--find-capacity" in ran.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_packaged(package: str) -> None:
    """Weights that set-up fetches are no part of it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    left: list[Path] = [
        path
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file()
        and path.suffix not in CODE
        and "fetched" not in path.parts
        and not any(path.match(pattern) for pattern in patterns)
    ]
    assert left == []
