"""The ``greenroom`` command."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import demo as demo_run
from deploy import settings as all_settings
from deploy.environment import SettingsError, read
from deploy.folder import FolderError
from deploy.supervisor import StartError, SystemSettings
from deploy.supervisor import run as run_system
from loadtest import cli as load
from loadtest.recording import RecordingError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
for command in (load.loadtest, load.compare, load.record):
    app.command()(command)


@app.command()
def run() -> None:
    """Start the whole system on this machine; the page is at http://localhost:8080."""
    try:
        asyncio.run(run_system(read(SystemSettings)))
    except (StartError, SettingsError) as error:
        raise _unusable(error) from error


@app.command()
def demo(
    recording: Annotated[
        Path | None, typer.Argument(help="a video or sound file that FFmpeg reads")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the report and the hints")] = Path("out"),
) -> None:
    """Replay a recording through the real gateway; print the hints, write the report."""
    try:
        asyncio.run(demo_run.run(recording, out))
    except (
        StartError,
        SettingsError,
        FolderError,
        RecordingError,
        demo_run.DemoError,
    ) as error:
        raise _unusable(error) from error


@app.command()
def settings() -> None:
    """Print the table of all settings, as Markdown."""
    print(all_settings.table(), end="")


def _unusable(error: Exception) -> typer.Exit:
    """Says what is wrong, for an exit code that no traceback and no broken objective has."""
    print(f"greenroom: {error}", file=sys.stderr)
    return typer.Exit(load.UNUSABLE)


if __name__ == "__main__":
    app()
