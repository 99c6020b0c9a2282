"""A whole Greenroom for one measurement or demonstration, whose data go with it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from deploy.supervisor import Output, System, SystemSettings

SYSTEM_LOG = "system.log"
"""In the folder for results: what the processes say."""


@contextlib.asynccontextmanager
async def temporary_system(
    settings: SystemSettings,
    out: Path,
    kind: Callable[[SystemSettings, Output, str], System] = System,
) -> AsyncIterator[System]:
    """As the settings say but for the folder of data. Its lines go to OUT/system.log.

    Raises StartError.
    """
    with (
        tempfile.TemporaryDirectory(prefix="greenroom-") as data,
        (out / SYSTEM_LOG).open("w") as log,
    ):

        def write(program: str, line: str) -> None:
            log.write(f"{program:<12} {line}\n")

        settings = settings.model_copy(update={"data_dir": Path(data)})
        async with kind(settings, write, f"in {out / SYSTEM_LOG}") as system:
            yield system
