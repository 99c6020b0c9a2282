"""Real connections: DTLS, SRTP and RTCP from a client to the bus and back."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from fractions import Fraction
from typing import Any

import av
import psutil
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    DataChunk,
    ForwardTsnChunk,
)
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import Accounting, Signal

from gateway.live import hint_message
from gateway.peer import MAX_CHANNELS, MAX_EARLY
from services.runtime import telemetry
from services.runtime.bus import Bus, Recorded, now_us
from services.runtime.media import (
    CHUNK_SAMPLES,
    MAX_AGE_US,
    MICROSECONDS,
    SAMPLE_BYTES,
    SAMPLE_RATE,
)
from tests.gateway import media
from tests.gateway.conftest import Gateway, Session
from tests.gateway.test_sessions import until
from tests.gateway.test_whip import connected

SECONDS = 2
CHUNK_PACKETS = CHUNK_SAMPLES * 50 // SAMPLE_RATE
KEY_EVERY = 5
"""Frames. When the machine stood still the decoder is overrun by what comes at once, and can go
on with the next key frame, which this sender makes unasked."""


class Sent(MediaStreamTrack):
    """Already encoded packets, each at its time."""

    def __init__(self, kind: str, packets: Sequence[bytes], step: Fraction) -> None:
        super().__init__()
        self.kind = kind
        self.packets = packets
        self._step = step
        self._next = 0
        self._start = 0.0
        self.done = asyncio.Event()

    async def recv(self) -> "av.Packet[Any]":
        loop = asyncio.get_running_loop()
        self._start = self._start or loop.time()
        if self._next == len(self.packets) or self.readyState != "live":
            self.done.set()
            self.stop()
            raise MediaStreamError
        await asyncio.sleep(self._start + float(self._next * self._step) - loop.time())
        made: av.Packet[Any] = av.Packet(self.packets[self._next])
        made.pts, made.time_base = self._next, self._step
        self._next += 1
        return made


def video_of(codec: str) -> Sent:
    pictures = media.pictures(SECONDS * media.FPS)
    encode = media.h264 if codec == "H264" else media.vp8
    frames = encode(pictures, keys=range(0, len(pictures), KEY_EVERY))
    return Sent("video", [frame.data for frame in frames], Fraction(1, media.FPS))


def audio() -> Sent:
    return Sent("audio", media.opus(media.sound(SECONDS)), Fraction(1, 50))


def junk(kind: str, seed: int) -> Sent:
    chance = random.Random(seed)
    largest = 6_000 if kind == "video" else 1_000  # sound is never split
    sizes = [chance.choice([1, 2, 40, 900, largest]) for _ in range(100)]
    return Sent(kind, [chance.randbytes(size) for size in sizes], Fraction(1, 50))


@contextlib.asynccontextmanager
async def sending(
    session: Session, *tracks: Sent, codec: str = "VP8"
) -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in tracks:
        transceiver = connection.addTransceiver(track, "sendonly")
        if track.kind == "video":
            codecs = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.name == codec])
    await connection.setLocalDescription(await connection.createOffer())
    answer = await session.offer(connection.localDescription.sdp)
    assert answer.status_code == 201, answer.text
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    try:
        await connected(connection)
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def media_of(
    bus: Bus, session: Session
) -> AsyncIterator[tuple[list[VideoFrame], list[AudioChunk]]]:
    frames: list[VideoFrame] = []
    chunks: list[AudioChunk] = []
    video = await bus.subscribe_video(session.id, frames.append)
    sound = await bus.subscribe_audio(session.id, chunks.append)
    yield frames, chunks
    await bus._connection.flush()  # what was published before is here then
    await video.unsubscribe()
    await sound.unsubscribe()


def dropped_chunks() -> float:
    """What this process's gateway dropped of whole chunks until now, by its own count."""
    return sum(
        sample.value
        for metric in telemetry.ITEMS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
        and (sample.labels["kind"], sample.labels["outcome"]) == ("gateway_chunk", "dropped")
    )


def sampled(account: Accounting) -> int:
    """Frames that were published, or would have been had the machine not stood still."""
    return account.processed + account.dropped["stale"] + account.dropped["decoder_overrun"]


def missing_of(messages: Sequence[VideoFrame] | Sequence[AudioChunk]) -> int:
    """How many numbers are left out; the rest are in order, and none comes twice."""
    numbers = [message.header.sequence for message in messages]
    assert numbers == sorted(set(numbers))
    return numbers[-1] + 1 - len(numbers)


def samples_of(chunks: Sequence[AudioChunk]) -> int:
    return sum(len(chunk.pcm) for chunk in chunks) // SAMPLE_BYTES


async def accounts_of(bus: Bus, session: Session) -> dict[Kind.ValueType, Accounting]:
    """The last account of each kind; checked to add up."""
    got: dict[Kind.ValueType, Accounting] = {}

    async def take(recorded: Recorded) -> None:
        if isinstance(recorded.message, Signal):
            got[recorded.message.kind] = recorded.message.accounting

    subscription = await bus.follow(session.id, take, signals=("accounting",))
    await until(lambda: len(got) == 2 and all(account.final for account in got.values()))
    await subscription.unsubscribe()
    for account in got.values():
        assert account.pending == 0
        assert account.received == account.processed + sum(account.dropped.values())
    return got


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_from_the_client_to_the_bus(gateway: Gateway, bus: Bus, codec: str) -> None:
    session = await gateway.create()
    video, sound = video_of(codec), audio()
    before = dropped_chunks()
    async with media_of(bus, session) as (frames, chunks):
        async with sending(session, video, sound, codec=codec):
            await video.done.wait()
            await sound.done.wait()
        await session.post("end")
    accounts = await accounts_of(bus, session)
    seen, heard = accounts[Kind.KIND_GATEWAY_VIDEO], accounts[Kind.KIND_GATEWAY_AUDIO]
    assert len(frames) == seen.processed
    assert seen.received >= 0.8 * SECONDS * media.FPS
    # Where the machine stands still for half a second, what became stale is left out: counted.
    dropped = dropped_chunks() - before
    assert sampled(seen) >= 0.5 * 15 * SECONDS
    assert 0 < len(frames) <= 15 * SECONDS + 2
    assert heard.received >= 0.8 * SECONDS * 50
    assert samples_of(chunks) + dropped * CHUNK_SAMPLES >= 0.8 * SAMPLE_RATE * SECONDS
    assert 0 < samples_of(chunks) <= SAMPLE_RATE * SECONDS + CHUNK_SAMPLES
    assert missing_of(frames) <= seen.dropped["stale"]
    assert missing_of(chunks) <= dropped
    for messages in (frames, chunks):
        for message in messages:
            assert message.header.capture_time_us <= message.publish_time_us
            assert message.publish_time_us - message.header.capture_time_us < 500_000


async def test_the_last_sound_of_a_sender_that_stops(gateway: Gateway, bus: Bus) -> None:
    """It fills no chunk, and goes out all the same while the connection stands."""
    session = await gateway.create()
    sound = Sent("audio", media.opus(media.sound(SECONDS))[:97], Fraction(1, 50))
    before = dropped_chunks()
    async with media_of(bus, session) as (_, chunks), sending(session, sound) as connection:
        await sound.done.wait()
        await asyncio.sleep(MAX_AGE_US / MICROSECONDS)
        assert connection.connectionState == "connected"
        samples = samples_of(chunks)
        dropped = dropped_chunks() - before
        await session.post("end")
    heard = (await accounts_of(bus, session))[Kind.KIND_GATEWAY_AUDIO]
    lost = len(sound.packets) - heard.received
    assert lost or heard.received % CHUNK_PACKETS, "the last packets make no chunk"
    assert samples + dropped * CHUNK_SAMPLES >= heard.received * SAMPLE_RATE // 50


async def test_a_reconnection_goes_on_counting(gateway: Gateway, bus: Bus) -> None:
    session = await gateway.create()
    before = dropped_chunks()
    async with media_of(bus, session) as (frames, chunks):
        for _ in range(2):
            video, sound = video_of("VP8"), audio()
            async with sending(session, video, sound):
                await video.done.wait()
        await session.post("end")
    accounts = await accounts_of(bus, session)
    seen = accounts[Kind.KIND_GATEWAY_VIDEO]
    assert missing_of(frames) <= seen.dropped["stale"]
    assert missing_of(chunks) <= dropped_chunks() - before
    assert sampled(seen) > 15 * SECONDS


async def test_random_bytes_as_media(gateway: Gateway, bus: Bus) -> None:
    """They end no connection, harm no other session, and are accounted for."""
    noisy, other = await gateway.create(), await gateway.create()
    tracks = [junk("video", 1), junk("audio", 2)]
    async with media_of(bus, other) as (frames, chunks), sending(noisy, *tracks) as connection:
        video = video_of("VP8")
        async with sending(other, video, audio()):
            await video.done.wait()
        await asyncio.gather(*(track.done.wait() for track in tracks))
        assert connection.connectionState == "connected"
        await other.post("end")
        await noisy.post("end")
    accounts = await accounts_of(bus, noisy)
    assert accounts[Kind.KIND_GATEWAY_AUDIO].received >= 80
    seen = (await accounts_of(bus, other))[Kind.KIND_GATEWAY_VIDEO]
    assert sampled(seen) >= 0.5 * 15 * SECONDS
    assert frames
    assert chunks


async def test_hints_on_the_data_channel(gateway: Gateway, bus: Bus) -> None:
    session = await gateway.create()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio", "sendonly")
    channel = connection.createDataChannel("hints")
    got: asyncio.Queue[str] = asyncio.Queue(16)
    channel.on("message", got.put_nowait)
    await connection.setLocalDescription(await connection.createOffer())
    answer = await session.offer(connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await until(lambda: channel.readyState == "open")
    live = gateway.context.sessions.get(session.id)
    assert live
    assert live.peer
    await until(lambda: live.peer and live.peer.send("{}"))
    assert await got.get() == "{}"
    assert not live.peer.send("x" * 1_001), "too long for a small path"
    late, fresh = Hint(hint_id="late", text="Look up"), Hint(hint_id="h", text="Slow down")
    for hint, age_us in ((late, 10_000_000), (fresh, 0)):
        hint.header.session_id = session.id
        hint.header.capture_time_us = now_us() - age_us
        await bus.publish_hint(hint)
    async with asyncio.timeout(5):
        message = await got.get()
    assert '"id": "h"' in message
    assert len(message.encode()) < 500
    assert hint_message(fresh)["text"] == "Slow down"
    await connection.close()


async def test_what_a_client_says_on_data_channels_is_not_kept(gateway: Gateway) -> None:
    """It is acknowledged, so that hints and new channels are as before."""
    session = await gateway.create()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio", "sendonly")
    first = connection.createDataChannel("first")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await session.offer(connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await until(lambda: first.readyState == "open")
    for size in (1, 1_000, 100_000):
        first.send("x" * size)
    client = connection.sctp
    assert client
    await until(lambda: not first.bufferedAmount and not client._sent_queue)
    second = connection.createDataChannel("second", ordered=False, maxRetransmits=0)
    await until(lambda: second.readyState == "open")
    first.close()
    await until(lambda: first.readyState == "closed")
    got: asyncio.Queue[str] = asyncio.Queue(16)
    second.on("message", got.put_nowait)
    live = gateway.context.sessions.get(session.id)
    assert live
    peer = live.peer
    assert peer
    await until(lambda: peer.send("{}"))
    assert await got.get() == "{}"
    more = [connection.createDataChannel("more") for _ in range(MAX_CHANNELS)]
    await until(lambda: sum(channel.readyState == "open" for channel in more) == MAX_CHANNELS - 1)

    sctp = peer._connection.sctp
    assert sctp
    assert sctp._last_received_tsn is not None
    chunk = DataChunk()
    chunk.stream_id, chunk.protocol, chunk.user_data = second.id or 0, 51, b"x" * 1_000
    chunk.stream_seq = 1_000  # its turn never comes
    beginning, whole = SCTP_DATA_FIRST_FRAG, SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
    following = sctp._last_received_tsn + 1
    for flags, numbers in (
        (whole, range(following, following + 10)),
        (beginning, range(following + 10, following + 20)),
        (beginning, range(following + 21, following + 21 + 2 * MAX_EARLY)),
    ):
        for number in numbers:
            chunk.flags, chunk.tsn = flags, number % 2**32
            await sctp._receive_data_chunk(chunk)
    assert sctp._last_received_tsn == (following + 19) % 2**32
    assert len(sctp._sack_misordered) == MAX_EARLY
    ahead = ForwardTsnChunk()
    ahead.cumulative_tsn = (following + 20) % 2**32
    ahead.streams = [(stream, 1) for stream in range(1_000)]
    await sctp._receive_forward_tsn_chunk(ahead)
    assert sctp._last_received_tsn == (following + 20 + MAX_EARLY) % 2**32
    assert not sctp._inbound_streams
    assert not sctp._sack_misordered
    await connection.close()


MOST_TURNS = 40
"""Of the event loop: more than an answer takes to open its sockets."""


def udp_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


async def test_an_offer_of_somebody_who_goes(gateway: Gateway) -> None:
    """The request is cut while it is answered, wherever that is: nothing of it stays."""
    session = await gateway.create()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", "sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    live = gateway.context.sessions.get(session.id)
    assert live
    before = await asyncio.to_thread(udp_sockets)
    for turns in range(MOST_TURNS):
        answering = asyncio.create_task(live.connect(connection.localDescription.sdp))
        for _ in range(turns):
            await asyncio.sleep(0)
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
    if live.peer:  # it was quicker
        await live.disconnect("candidate", live.peer)
    assert await asyncio.to_thread(udp_sockets) == before
    assert (await session.offer(connection.localDescription.sdp)).status_code == 201
    await connection.close()
