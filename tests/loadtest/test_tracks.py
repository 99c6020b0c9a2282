"""Pacing: packets leave when the recording says, also after many loops."""

import asyncio
import time
from fractions import Fraction

import pytest
from aiortc.mediastreams import MediaStreamError

from loadtest.recording import EncodedPacket, Recording
from loadtest.tracks import KEPT_SENDS, Pacer, PacketTrack

LENGTH_S = 0.1
RATE = 90_000


def recording() -> Recording:
    """Three pictures in a tenth of a second."""
    packets = [EncodedPacket(bytes([n]), n / 30, n == 0) for n in range(3)]
    return Recording("made", LENGTH_S, packets, [])


async def test_timestamps_go_on_over_the_loops() -> None:
    track = PacketTrack("video", recording(), Pacer(), duration_s=0.49)
    got = [await track.recv() for _ in range(15)]
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert [bytes(packet)[0] for packet in got] == [0, 1, 2] * 5
    times = [packet.pts for packet in got]
    assert times == [round((n // 3 * LENGTH_S + n % 3 / 30) * RATE) for n in range(15)]
    assert all(packet.time_base == Fraction(1, RATE) for packet in got)
    assert [packet.is_keyframe for packet in got] == [True, False, False] * 5
    assert track.done.is_set()
    assert track.sent == 15


async def test_never_early_and_the_lateness_is_known() -> None:
    track = PacketTrack("video", recording(), Pacer(), duration_s=0.4)
    start = time.monotonic()
    for number in range(9):
        await track.recv()
        due = number // 3 * LENGTH_S + number % 3 / 30
        assert time.monotonic() - start >= due - 0.002
    late_before = track.late_s
    await asyncio.sleep(0.15)  # the sender stands still
    await track.recv()
    assert track.late_s >= max(0.1, late_before)
    assert track.take_late_s() >= 0.1
    assert track.late_s == 0, "what was told is not told again"
    track.stop()


async def test_sound_and_picture_share_one_clock() -> None:
    pacer = Pacer()
    first = PacketTrack("video", recording(), pacer, None)
    second = PacketTrack("video", recording(), pacer, None)
    await first.recv()
    await asyncio.sleep(0.05)
    await second.recv()
    await second.recv()
    # The second began late, so that its second packet, due at 33 ms, is so too.
    assert second.late_s >= 0.04 - 0.01
    first.stop()
    second.stop()


async def test_a_stopped_track_is_done() -> None:
    track = PacketTrack("video", recording(), Pacer(), None)
    track.stop()
    assert track.done.is_set()


async def test_the_memory_of_sends_is_bounded() -> None:
    packets = [EncodedPacket(b"x", n / 100_000, True) for n in range(2 * KEPT_SENDS)]
    track = PacketTrack("video", Recording("made", 1.0, packets, []), Pacer(), None)
    for _ in packets:
        await track.recv()
    assert len(track.sent_at) == KEPT_SENDS
    assert next(iter(track.sent_at)) == KEPT_SENDS
    track.stop()
