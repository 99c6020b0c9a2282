"""Folders that what takes long will write to: tried before, not found wanting after."""

from __future__ import annotations

import tempfile
from pathlib import Path

ANOTHER_OUT = "name another folder with --out"


class FolderError(RuntimeError):
    """A folder can't be written to; says what to do."""

    def __init__(self, path: Path, error: OSError, instead: str) -> None:
        super().__init__(f"{path}: can't be written ({error.strerror}): {instead}")


def make(path: Path, instead: str = ANOTHER_OUT) -> None:
    """The folder with its parents, and sure that files can be made in it.

    instead: what to do where that can't be, which FolderError says.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise FolderError(path, error, instead) from error
