"""Messages on a real NATS become latencies; what can't be is counted and kept by nobody."""

import asyncio
from uuid import uuid4

from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import VideoFrame

from loadtest.stages import BusTap, Stages
from services.runtime.bus import Bus, now_us

MS = 1000
BEHIND_US = 300 * MS
"""By so much this machine's clock is behind the servers', as what they say makes it seem."""


def frame(session_id: str, *, publish_us: int) -> VideoFrame:
    header = Header(session_id=session_id, capture_time_us=publish_us - 5 * MS)
    return VideoFrame(header=header, publish_time_us=publish_us)


async def test_a_publisher_whose_clock_is_ahead_is_noticed(bus: Bus, nats_url: str) -> None:
    session_id = uuid4().hex
    stages = Stages()
    async with BusTap(nats_url, stages) as tap:
        probe = await tap.listen(session_id)
        await bus.publish_video(frame(session_id, publish_us=now_us() + BEHIND_US + 5_000 * MS))
        async with asyncio.timeout(10):
            while not probe.heard.frames:
                await asyncio.sleep(0.01)
    assert stages.clocks.round_trip_us
    assert "behind that of the gateway" in stages.clocks.doubts()[0]


def test_what_clocks_of_one_cluster_differ_by_is_no_doubt() -> None:
    stages = Stages()
    stages.add_us("bus_face", -4 * MS)
    assert list(stages.samples["bus_face"].values) == [-4]
    stages.add_us("bus_face", -6 * MS)
    assert stages.implausible == {"bus_face": 1}


def test_a_capture_is_estimated() -> None:
    """A jittery network's first packets put it some tens of ms into the future."""
    stages = Stages()
    stages.add_us("capture_to_publish_audio", -60 * MS)
    assert not stages.implausible
    stages.add_us("glass_to_signal_voice", -300 * MS)
    assert stages.implausible == {"glass_to_signal_voice": 1}
