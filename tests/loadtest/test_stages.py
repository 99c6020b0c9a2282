"""Messages on a real NATS become latencies; what can't be is counted and kept by nobody."""

import asyncio
from uuid import uuid4

from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import VideoFrame

from loadtest.client import HeardHint
from loadtest.result import Options
from loadtest.run import LoadTest, Plan
from loadtest.session import Target
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
            while not probe.frames:
                await asyncio.sleep(0.01)
    assert stages.clocks.round_trip_us > 0
    assert "behind that of the gateway" in stages.clocks.doubts()[0]


def test_an_impossible_hint_keeps_no_objective() -> None:
    """By a clock 300 ms behind the servers' a hint comes before it is decided."""
    options = Options(target="", recordings=[], sessions=1, ramp_s=0, duration_s=3)
    test = LoadTest(Plan(Target(), [], options))
    captured_us = now_us()
    message = {"capture_us": captured_us, "decided_us": captured_us + 10 * MS}
    test._stages.hint(HeardHint(message, captured_us + 40 * MS - BEHIND_US, "channel"))
    assert not test._stages.samples
    [said] = test._doubts([])
    assert said.startswith("2 latencies were below -5 ms or above 60 s (glass_to_hint, hint_deliv")


def test_what_clocks_of_one_cluster_differ_by_is_no_doubt() -> None:
    stages = Stages()
    stages.add_us("bus_face", -4 * MS)
    assert list(stages.samples["bus_face"].values) == [-4]
    stages.add_us("bus_face", -6 * MS)
    assert stages.implausible == {"bus_face": 1}
