"""The generated code is what the .proto files give."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

PROTO = REPOSITORY / "proto"


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    sources = sorted(str(path) for path in (PROTO / "greenroom" / "v1").glob("*.proto"))
    plugins = str(Path(sys.executable).parent)
    outputs = [
        f"--{kind}_out={tmp_path}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")
    ]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", *outputs, *sources],
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": plugins + os.pathsep + os.environ["PATH"]},
    )
    made = {path.name: path.read_text() for path in tmp_path.rglob("*.py*")}
    kept = {
        path.name: path.read_text()
        for path in (PROTO / "gen" / "greenroom" / "v1").glob("*.py*")
        if path.name != "__init__.py"
    }
    assert made.keys() == kept.keys()
    stale = [name for name in made if made[name] != kept[name]]
    assert not stale, f"run 'make proto': {stale}"
