"""``make bench-peers``: sessions a core of the gateway, pipecat and FastRTC, side by side.

Each receives the same replayed sessions and hands 15 frames a second and all sound to a
consumer: the peers in their own process as arrays, Greenroom as JPEG and PCM, once the whole
gateway on the bus, and once its receiving path alone in its own process, as the peers do.
All get the same packets: first plain VP8, then with the temporal layers that Greenroom's page
asks browsers for. Rounds alternate; each begins with a fresh process of the peer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.folder import FolderError
from deploy.supervisor import StartError
from loadtest.bench import gateway_round
from loadtest.local import Edge, demo_recording, local_system
from loadtest.receivers import Cost, ReceiverError, measure, receiver
from loadtest.recording import Recording, RecordingError
from loadtest.result import Machine
from loadtest.whip import ClientError

PEERS = {"pipecat": "loadtest.peers.pipecat_peer", "FastRTC": "loadtest.peers.fastrtc_peer"}
BARE, GATEWAY, IN_PROCESS = "bare aiortc", "Greenroom, on the bus", "Greenroom, in process"
OURS = (GATEWAY, IN_PROCESS)
RECEIVERS = (*OURS, BARE, *PEERS)
ROUNDS = 3
ROUND_S = 10.0
EQUAL_FRAMES = 14.5
"""Delivered frames a second below which a receiver did less than the others."""

TARGET = 2.0
"""Sessions a core against the better peer."""


Costs = dict[str, dict[str, Cost]]
"""By stream, then by receiver."""


async def run(python: str, sessions: int, rounds: int, out: Path, console: Console) -> Costs:
    """Raises FolderError, StartError, ReceiverError, RecordingError, ClientError."""
    recordings = {
        "plain VP8": await asyncio.to_thread(demo_recording),
        "temporal layers": await asyncio.to_thread(demo_recording, layered=True),
    }
    costs: Costs = {stream: {name: Cost() for name in RECEIVERS} for stream in recordings}
    async with local_system(out, Edge) as system:
        for number in range(rounds):
            for stream, recording in recordings.items():
                console.print(f"round {number + 1} of {rounds}: {stream}")
                cost = costs[stream]
                await gateway_round(system, recording, sessions, ROUND_S, cost[GATEWAY])
                for name, module, interpreter in (
                    (IN_PROCESS, "loadtest.in_process", sys.executable),
                    (BARE, "loadtest.peers.bare", sys.executable),
                    *((name, module, python) for name, module in PEERS.items()),
                ):
                    await _round(module, interpreter, recording, sessions, cost[name])
    return costs


async def _round(module: str, python: str, recording: Recording, sessions: int, cost: Cost) -> None:
    async with receiver(module, python) as (pid, url):
        await measure(pid, url, recording, sessions, ROUND_S, cost)


def against_better_peer(costs: dict[str, Cost]) -> dict[str, float]:
    """Sessions a core of each of ours over those of the better peer."""
    better = min(costs[name].cores_per_session for name in PEERS)
    return {name: better / costs[name].cores_per_session for name in OURS}


def show(costs: Costs, sessions: int, console: Console) -> None:
    console.print(
        f"{sessions} sessions each, {Machine.this()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )
    for stream, by_receiver in costs.items():
        table = Table(title=stream)
        for title in ("receiver", "sessions a core", "cores a session", "frames/s", "sound", ""):
            table.add_column(title, justify="left" if title in ("receiver", "") else "right")
        for name, cost in by_receiver.items():
            table.add_row(
                name,
                f"{1 / cost.cores_per_session:.1f}",
                f"{cost.cores_per_session:.4f}",
                f"{cost.frames_per_second:.1f}",
                f"{cost.audio_share:.0%}",
                "" if cost.frames_per_second >= EQUAL_FRAMES else "fewer frames than the others",
            )
        console.print(table)
        for name, ratio in against_better_peer(by_receiver).items():
            word = "met" if ratio >= TARGET else "missed"
            console.print(
                f"{stream}, {name}: {ratio:.2f} times the better peer (target {TARGET:g}: {word})"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="of the environment with the peers")
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    console = Console()
    try:
        costs = asyncio.run(
            run(options.python, options.sessions, options.rounds, options.out, console)
        )
    except (FolderError, StartError, ReceiverError, RecordingError, ClientError) as error:
        sys.exit(f"bench-peers: {error}")
    show(costs, options.sessions, console)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": str(Machine.this()),
        "sessions": options.sessions,
        "streams": {
            stream: {
                "against_better_peer": against_better_peer(by_receiver),
                "receivers": {
                    name: asdict(cost) | {"cores_per_session": cost.cores_per_session}
                    for name, cost in by_receiver.items()
                },
            }
            for stream, by_receiver in costs.items()
        },
    }
    (options.out / "bench-peers.json").write_text(json.dumps(result, indent=1) + "\n")
    console.print(f"Written to {options.out / 'bench-peers.json'}")


if __name__ == "__main__":
    main()
