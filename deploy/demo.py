"""``make demo``: a recording through the real gateway, hints as they come, the report."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from deploy import folder
from deploy.environment import read
from deploy.supervisor import SystemSettings
from deploy.temporary import temporary_system
from loadtest.client import Client, ClientError, HeardHint
from loadtest.compose import composed
from loadtest.recording import default_cache, load

SHARED_RECORDING = (
    Path(__file__).resolve().parent.parent.parent
    / "shared/data/video_talking/latentsync_demo3_gestures_en.mp4"
)
QUESTION_S = 60.0
"""A recording longer than this is asked about in more than one question."""

MAX_QUESTIONS = 4


class DemoError(RuntimeError):
    """The demo can't go on; says why."""


async def run(path: Path | None, out: Path) -> None:
    """Raises RecordingError, SettingsError, FolderError, StartError or DemoError, which say what
    to do."""
    settings = read(SystemSettings)
    await asyncio.to_thread(folder.make, out)
    console = Console()
    source = path or (SHARED_RECORDING if SHARED_RECORDING.is_file() else None)
    if source is None:
        console.print("No recording given: composing one from a photograph and read speech.")
        source = await asyncio.to_thread(composed, default_cache())
    recording = await asyncio.to_thread(load, source)
    console.print(f"Replaying {recording.name}: {recording.duration_s:.1f} s")
    async with running_system(settings, out) as url:
        try:
            await _interview(url, recording, out, console)
        except ClientError as error:
            raise DemoError(str(error)) from error


@contextlib.asynccontextmanager
async def running_system(settings: SystemSettings, out: Path) -> AsyncIterator[str]:
    """The system that runs already, or one of our own with its lines in OUT/system.log."""
    url = f"http://127.0.0.1:{settings.http_port}"
    if await _answers(url):
        yield url
        return
    async with temporary_system(settings, out) as system:
        yield system.url


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{url}/readyz", timeout=1)).is_success
        except httpx.HTTPError:
            return False


async def _interview(url: str, recording: Any, out: Path, console: Console) -> None:
    count = max(1, min(MAX_QUESTIONS, round(recording.duration_s / QUESTION_S)))
    body = {
        "role": "software engineer",
        "question_count": count,
        "consent": {"camera": bool(recording.video), "microphone": bool(recording.audio)},
    }

    def show(hint: HeardHint) -> None:
        console.print(
            f"[bold]hint[/] {hint.message['text']:<24} {hint.glass_to_hint_ms:5.0f} ms "
            f"after its trigger ({hint.message['trigger']}, by {hint.via})"
        )

    async with Client.create(url, body, show) as client:
        await client.join(recording)
        console.print(f"Joined in {client.join_s * 1000:.0f} ms.")
        for question in client.created["questions"]:
            console.print(f"[bold]question[/] {question['text']}")
            await client.ask(question["id"])
            await asyncio.sleep(recording.duration_s / count)
        await client.until_sent()
        await client.end()
        report, text, html = await client.report()
        (out / "report.json").write_text(text)
        (out / "report.html").write_text(html)
        lines = [
            json.dumps(hint.message | {"glass_to_hint_ms": hint.glass_to_hint_ms, "via": hint.via})
            for hint in client.hints
        ]
        (out / "hints.jsonl").write_text("".join(line + "\n" for line in lines))
    _summarize(report, out, console)


def _summarize(report: dict[str, Any], out: Path, console: Console) -> None:
    for title, key in (
        ("Strengths", "strengths"),
        ("To work on", "weaknesses"),
        ("Time", "time_management"),
        ("Try next", "suggestions"),
    ):
        for claim in report.get(key, []):
            console.print(f"[bold]{title}[/] {claim['text']}")
    for coverage in report.get("coverage", []):
        if coverage.get("note"):
            console.print(f"[dim]{coverage['note']}[/]")
    console.print(f"Report: {out / 'report.html'} and {out / 'report.json'}")
