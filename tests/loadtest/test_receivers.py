"""Bare aiortc and our own path as receivers: real processes and packets, counted frames and CPU."""

import time
from pathlib import Path

import httpx
import pytest

from loadtest.peers.server import FRAME_RATE
from loadtest.receivers import Cost, ReceiverError, delivered, joined, metered, receiver
from tests.system.conftest import recording

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SECONDS = 6.0
PACKET_S = 0.02
"""Of sound."""


@pytest.mark.parametrize("module", ["loadtest.peers.bare", "loadtest.in_process"])
async def test_frames_and_sound_come(module: str, shared_data: Path) -> None:
    """As many as were sent between the readings, however long those took."""
    source = await recording(shared_data / "video_grid/grid_brbk7n.mpg")
    cost = Cost()
    readings: list[tuple[float, int]] = []
    async with (
        receiver(module) as (pid, url),
        httpx.AsyncClient(base_url=url, timeout=20) as http,
        joined(http, url, source, 1, SECONDS + 60) as [connection],
    ):
        [sound] = [track for track in connection.tracks if track.kind == "audio"]

        async def counts() -> tuple[float, float]:
            readings.append((time.monotonic(), sound.sent))
            got = await delivered(http)
            readings.append((time.monotonic(), sound.sent))
            return got

        await metered(pid, counts, 1, SECONDS, cost)
    (began_s, sent_before), (ended_s, sent) = readings[0], readings[-1]
    most_frames = FRAME_RATE * (ended_s - began_s) + 2  # one at either end
    assert most_frames / 3 < cost.frames <= most_frames
    assert 0.8 < cost.audio_seconds / ((sent - sent_before) * PACKET_S) < 1.2
    assert 0 < cost.cores_per_session < 1
    assert len(cost.rounds) == 1


async def test_a_receiver_that_does_not_start_says_why() -> None:
    with pytest.raises(ReceiverError, match="No module named"):
        async with receiver("loadtest.peers.none"):
            pass
