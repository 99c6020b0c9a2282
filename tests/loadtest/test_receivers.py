"""Bare aiortc as a receiver: a real process, real packets, counted frames and CPU."""

from pathlib import Path

import pytest

from loadtest.receivers import Cost, ReceiverError, measure, receiver
from tests.system.conftest import recording

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_bare_aiortc_gets_frames_and_sound(shared_data: Path) -> None:
    source = await recording(shared_data / "video_grid/grid_brbk7n.mpg")
    cost = Cost()
    async with receiver("loadtest.peers.bare") as (pid, url):
        await measure(pid, url, source, 1, 3.0, cost)
    assert 5 < cost.frames_per_second <= 16
    assert 0.8 < cost.audio_share < 1.2
    assert 0 < cost.cores_per_session < 1
    assert len(cost.rounds) == 1


async def test_a_receiver_that_does_not_start_says_why() -> None:
    with pytest.raises(ReceiverError, match="No module named"):
        async with receiver("loadtest.peers.none"):
            pass
