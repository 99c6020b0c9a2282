"""Folders that what takes long will write to: tried before, not found wanting after."""

from __future__ import annotations

import tempfile
from pathlib import Path


def make(path: Path) -> None:
    """The folder with its parents, and sure that files can be made in it. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        pass
