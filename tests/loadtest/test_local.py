"""A system for one measurement."""

from pathlib import Path

import pytest

from deploy.folder import FolderError
from loadtest.local import local_system


async def test_results_that_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="name another folder with --out"):
        async with local_system(tmp_path / "file"):
            pass
