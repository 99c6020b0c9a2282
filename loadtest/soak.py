"""``make soak``: hours at a share of capacity, and nothing may grow.

Sessions of a minute or two replace one another; memory, threads, sockets, files, the age of
frames and the stream's own size are sampled, and the slopes of their means of each minute printed
with 95% intervals, which hold for all of them together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import nats
import nats.errors
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from deploy.folder import FolderError
from deploy.supervisor import StartError, System
from loadtest.figures import Samples
from loadtest.local import demo_recording, local_system, usage
from loadtest.recording import Recording, RecordingError
from loadtest.result import Machine
from loadtest.session import LoadSession, Target
from loadtest.slope import LEAST_POINTS, Slope, slope
from loadtest.stages import BusTap, Stages
from loadtest.whip import Network
from services.runtime.bus import STREAM

SESSION_S = 90.0
SAMPLE_S = 5.0
MINUTE_S = 60.0
"""Frames of one session share what its clock and its picture add to their age, and samples of 5 s
what a process holds at that moment: thousands of points would pass for as many facts. Neighbouring
minutes tell how long such things last."""

WARM_UP_SHARE = 0.2
"""Of the run: caches fill and models are loaded before slopes mean anything."""

AGES = ("face", "gesture", "voice")


async def soak(
    system: System, recording: Recording, sessions: int, seconds: float, console: Console
) -> tuple[dict[str, Samples], Stages, list[str]]:
    """(samples by what they are of, latencies, what failed)."""
    stages, samples = Stages(), defaultdict[str, Samples](Samples)
    errors: list[str] = []
    end = time.monotonic() + seconds
    async with BusTap(system.nats_url, stages) as tap:

        async def seat(number: int) -> None:
            """One candidate after another, not all at the same time."""
            await asyncio.sleep(number * SESSION_S / sessions)
            while (left := end - time.monotonic()) > 0:
                target = Target(url=system.url)
                session = LoadSession(target, recording, Network(), stages, tap)
                await session.run(lambda: False, min(SESSION_S, left))
                if session.result.error:
                    errors.append(session.result.error)

        seats = [asyncio.create_task(seat(number)) for number in range(sessions)]
        while time.monotonic() < end:
            try:
                await _sample(system, samples)
            except (nats.errors.Error, psutil.Error, OSError) as error:
                errors.append(f"not sampled: {error!r}")
            await asyncio.sleep(SAMPLE_S)
        await asyncio.gather(*seats)
    errors += [f"{p.name} ended and was started again" for p in system.programs if p.starts > 1]
    tell(errors, console)
    return samples, stages, errors


async def _sample(system: System, samples: dict[str, Samples]) -> None:
    now = time.monotonic()
    for name, used in (await asyncio.to_thread(usage, system)).items():
        samples[f"{name} own memory, MiB"].add(now, used.own_mib)
        samples[f"{name} threads"].add(now, used.threads)
        samples[f"{name} sockets"].add(now, used.sockets)
        samples[f"{name} files"].add(now, used.files)
    connection = await nats.connect(system.nats_url)
    try:
        info = await connection.jetstream().stream_info(STREAM)
        samples["consumers of the stream"].add(now, info.state.consumer_count)
        account = await connection.jetstream().account_info()
        samples["streams"].add(now, account.streams)
    finally:
        await connection.close()


def everything(samples: dict[str, Samples], stages: Stages) -> dict[str, Samples]:
    """What was sampled, and the age of frames."""
    return dict(samples) | {
        f"{kind} frame age, ms": stages.samples[f"glass_to_signal_{kind}"] for kind in AGES
    }


def slopes(minutes: dict[str, list[float | None]]) -> dict[str, Slope]:
    """Of everything after the warm-up, by its means of each minute: what `by_minute` gave, also
    when read from soak.json."""
    found: dict[str, Slope] = {}
    for name, means in minutes.items():
        first = math.ceil(WARM_UP_SHARE * len(means))
        kept = [(n * MINUTE_S, v) for n, v in enumerate(means) if n >= first and v is not None]
        made = slope([t for t, _ in kept], [v for _, v in kept], together=len(minutes))
        if made is not None:
            found[name] = made
    return found


def by_minute(sampled: Samples) -> list[float | None]:
    """The mean of each minute from the first sample on: the shape of what grows."""
    times = np.asarray(sampled.times)
    minutes: Iterable[float] = np.arange(times[0], times[-1], MINUTE_S) if len(times) else ()
    means = (sampled.between(start, start + MINUTE_S) for start in minutes)
    return [round(float(one.mean()), 3) if one.size else None for one in means]


def tell(errors: list[str], console: Console) -> None:
    for words in errors:
        console.print(words, style="red", markup=False)  # of servers: brackets are theirs
    console.print(f"{len(errors)} failures")


def show(found: dict[str, Slope], console: Console) -> None:
    if not found:
        console.print(f"Too short for slopes: they need {LEAST_POINTS} minutes after the warm-up")
        return
    table = Table(title="Growth an hour, with 95% intervals for all together")
    for title in ("what", "slope", "low", "high", ""):
        table.add_column(title, justify="left" if title in ("what", "") else "right")
    for name, made in sorted(found.items()):
        word = "flat" if made.flat else "grows" if made.per_hour > 0 else "shrinks"
        table.add_row(
            name,
            *(f"{figure:+.2f}" for figure in (made.per_hour, made.low, made.high)),
            word,
            style="red" if word == "grows" else "",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--load", type=float, default=0.7, help="share of --capacity")
    parser.add_argument(
        "--capacity", type=int, default=3, help="sessions, from loadtest --find-capacity"
    )
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    console = Console()
    sessions = max(1, round(options.load * options.capacity))
    console.print(f"{sessions} sessions for {options.minutes:g} minutes on {Machine.this()}")
    seconds = options.minutes * 60

    async def run() -> tuple[dict[str, list[float | None]], list[str]]:
        # With temporal layers, as the page asks browsers for.
        recording = await asyncio.to_thread(demo_recording, layered=True)
        async with local_system(options.out) as system:
            samples, stages, errors = await soak(system, recording, sessions, seconds, console)
            sampled = everything(samples, stages)
            return {name: by_minute(one) for name, one in sampled.items()}, errors

    try:
        minutes, errors = asyncio.run(run())
    except (FolderError, StartError, RecordingError) as error:
        sys.exit(f"soak: {error}")
    found = slopes(minutes)
    show(found, console)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": str(Machine.this()),
        "sessions": sessions,
        "minutes": options.minutes,
        "failed": errors,
        "growth_per_hour": {
            name: {"slope": s.per_hour, "low": s.low, "high": s.high, "flat": s.flat}
            for name, s in found.items()
        },
        "warm_up_share": WARM_UP_SHARE,
        "by_minute": minutes,
    }
    (options.out / "soak.json").write_text(json.dumps(result, indent=1) + "\n")
    grows = any(not s.flat and s.per_hour > 0 for s in found.values())
    sys.exit(1 if errors or grows else 0)


if __name__ == "__main__":
    main()
