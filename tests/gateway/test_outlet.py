"""Media on its way to NATS: in order, bounded, every frame accounted for."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

from gateway import outlet as outlets
from gateway.outlet import Outlet
from services.runtime.bus import Bus
from services.runtime.ledger import Ledger
from services.runtime.media import CHUNK_SAMPLES, MAX_AGE_US

NOW_US = 10**15


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing grows old while the machine stands still, or is given up at the end."""
    monkeypatch.setattr(outlets, "now_us", lambda: NOW_US)
    monkeypatch.setattr(outlets, "DRAIN_S", 10)


def frame(sequence: int, age_us: int = 0, session: str = "s1") -> VideoFrame:
    header = Header(session_id=session, sequence=sequence, capture_time_us=NOW_US - age_us)
    return VideoFrame(header=header, jpeg=b"x" * 100)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("gateway_video")


@pytest.fixture
async def outlet(bus: Bus, ledger: Ledger) -> AsyncIterator[Outlet]:
    made = Outlet(bus, ledger)
    made.start()
    yield made
    await made.close()


def put(outlet: Outlet, ledger: Ledger, message: VideoFrame) -> None:
    ledger.receive()
    outlet.put(message)


def counts(ledger: Ledger) -> tuple[int, dict[str, int]]:
    accounting = ledger.accounting()
    assert accounting.pending == 0
    assert accounting.received == accounting.processed + sum(accounting.dropped.values())
    return accounting.processed, dict(accounting.dropped)


async def test_in_order_with_its_time(bus: Bus, outlet: Outlet, ledger: Ledger) -> None:
    got: list[VideoFrame] = []
    heard: list[AudioChunk] = []
    video = await bus.subscribe_video("s1", got.append)
    audio = await bus.subscribe_audio("s1", heard.append)
    for number in range(40):
        put(outlet, ledger, frame(number))
    outlet.put(AudioChunk(header=Header(session_id="s1", capture_time_us=NOW_US)))
    await outlet.close()
    async with asyncio.timeout(5):
        while len(got) < 40 or not heard:
            await asyncio.sleep(0.01)
    await video.unsubscribe()
    await audio.unsubscribe()
    assert [each.header.sequence for each in got] == list(range(40))
    assert all(each.publish_time_us == NOW_US for each in got)
    assert counts(ledger) == (40, {})


async def test_sound_is_as_old_as_its_end(bus: Bus, outlet: Outlet, ledger: Ledger) -> None:
    """Its beginning waited for the rest of its chunk."""
    heard: list[AudioChunk] = []
    audio = await bus.subscribe_audio("s1", heard.append)
    for past_us in (1, 80_001):
        header = Header(session_id="s1", capture_time_us=NOW_US - MAX_AGE_US - past_us)
        outlet.put(AudioChunk(header=header, pcm=bytes(2 * CHUNK_SAMPLES)))
    await outlet.close()
    async with asyncio.timeout(5):
        while not heard:
            await asyncio.sleep(0.01)
    await audio.unsubscribe()
    assert [NOW_US - each.header.capture_time_us for each in heard] == [MAX_AGE_US + 1]


async def test_nothing_stale(outlet: Outlet, ledger: Ledger) -> None:
    put(outlet, ledger, frame(0, age_us=MAX_AGE_US + 1))
    put(outlet, ledger, frame(1, age_us=MAX_AGE_US))
    await outlet.close()
    assert counts(ledger) == (1, {"stale": 1})


async def test_one_that_the_server_does_not_take(bus: Bus, outlet: Outlet, ledger: Ledger) -> None:
    """A picture beyond NATS's largest message costs itself alone, not the session's media."""
    large = frame(0)
    large.jpeg = bytes(2 * 2**20)
    for message in (large, frame(1)):
        put(outlet, ledger, message)
    await outlet.close()
    assert counts(ledger) == (1, {"error": 1})


async def test_more_than_can_wait(outlet: Outlet, ledger: Ledger) -> None:
    for number in range(outlets.MAX_WAITING + 10):  # all before the task has its turn
        put(outlet, ledger, frame(number))
    await outlet.close()
    assert counts(ledger) == (outlets.MAX_WAITING, {"bus_slow": 10})


async def test_after_the_end(outlet: Outlet, ledger: Ledger) -> None:
    await outlet.close()
    put(outlet, ledger, frame(0))
    assert counts(ledger) == (0, {"connection_closed": 1})


async def test_when_the_bus_is_away(bus: Bus, outlet: Outlet, ledger: Ledger) -> None:
    await bus.close()
    put(outlet, ledger, frame(0))
    await outlet.close()
    assert counts(ledger) == (0, {"bus_away": 1})
