"""The way of a packet from the socket, against aiortc's own."""

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rate import RateCounter, RemoteBitrateEstimator
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcrtpreceiver import NackGenerator, StreamStatistics
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from greenroom.v1.common_pb2 import Kind
from hypothesis import given
from hypothesis import strategies as st

from gateway import receive
from gateway.capture_clock import NTP_TO_UNIX_S
from gateway.peer import Peer
from gateway.receive import (
    MAX_SOURCES,
    MAX_WAITING,
    REMB_DROP,
    REMB_INTERVAL_MS,
    Bandwidth,
    Nack,
    Rate,
    parse,
    send_time,
)
from services.runtime.bus import Bus
from services.runtime.media import CHUNK_SAMPLES, SAMPLE_RATE
from tests.gateway import media
from tests.gateway.conftest import Gateway
from tests.gateway.test_peer import (
    SECONDS,
    accounts_of,
    audio,
    dropped_chunks,
    media_of,
    sampled,
    samples_of,
    sending,
    video_of,
)
from tests.gateway.test_whip import connected

MID, SEND_TIME = 1, 3
EXTENSIONS = HeaderExtensionsMap()
EXTENSIONS.configure(
    RTCRtpParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(MID, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            RTCRtpHeaderExtensionParameters(
                SEND_TIME, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
            ),
        ]
    )
)


@given(st.data())
def test_a_packet_is_read_as_aiortc_reads_it(data: st.DataObject) -> None:
    packet = RtpPacket(
        payload_type=data.draw(st.integers(0, 127)),
        marker=data.draw(st.integers(0, 1)),
        sequence_number=data.draw(st.integers(0, 2**16 - 1)),
        timestamp=data.draw(st.integers(0, 2**32 - 1)),
        ssrc=data.draw(st.integers(0, 2**32 - 1)),
        payload=data.draw(st.binary(max_size=40)),
    )
    packet.csrc = data.draw(st.lists(st.integers(0, 2**32 - 1), max_size=15))
    packet.padding_size = data.draw(st.integers(0, 255))
    packet.extensions.mid = data.draw(st.sampled_from([None, "0", "video"]))
    packet.extensions.abs_send_time = data.draw(st.none() | st.integers(0, 2**24 - 1))
    read, extensions = parse(packet.serialize(EXTENSIONS))
    expected = RtpPacket.parse(packet.serialize(EXTENSIONS), EXTENSIONS)
    for name in (
        *("payload_type", "marker", "sequence_number", "timestamp", "ssrc", "payload"),
        "padding_size",
    ):
        assert getattr(read, name) == getattr(expected, name)
    assert send_time(extensions, SEND_TIME) == expected.extensions.abs_send_time
    assert send_time(extensions, None) is None


@given(st.binary(min_size=12, max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    data = bytes([data[0] & 0x3F | 0x80]) + data[1:]
    try:
        read, extensions = parse(data)
    except ValueError:
        with pytest.raises(ValueError, match="RTP"):
            RtpPacket.parse(data)
        return
    sent = send_time(extensions, SEND_TIME)
    assert sent is None or 0 <= sent < 2**24
    with contextlib.suppress(ValueError):  # aiortc also reads the extensions nobody asks for
        assert read.payload == RtpPacket.parse(data).payload


def test_the_bandwidth_is_what_aiortc_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of frames in bursts over a path whose queue grows and drains, and told less often."""
    now = NTP_TO_UNIX_S * 1_000
    monkeypatch.setattr(receive, "now_us", lambda: (now - NTP_TO_UNIX_S * 1_000) * 1_000)
    ours, theirs = RemoteBitrateEstimator(), RemoteBitrateEstimator()
    bandwidth = Bandwidth(ours)
    told: list[tuple[int, int]] = []
    asked: list[int] = []
    for number in range(900):
        sent_ms = number * 1_000 / 30
        queue_ms = 40 * max(0.0, np.sin(number / 60))
        for packet in range(5):
            now = NTP_TO_UNIX_S * 1_000 + int(sent_ms + queue_ms) + packet // 3
            sent = int((sent_ms + packet * 0.05) / 1_000 * (1 << 18)) % (1 << 24)
            if (estimate := bandwidth.add(sent, 1_200, 1)) is not None:
                told.append((now, estimate[0]))
            if (estimate := theirs.add(now, sent, 1_200, 1)) is not None:
                asked.append(estimate[0])
    assert theirs.rate_control.state == ours.rate_control.state
    assert ours.rate_control.current_bitrate == pytest.approx(
        theirs.rate_control.current_bitrate, rel=0.02
    )
    assert told
    assert len(told) < len(asked)
    for (before_ms, before), (after_ms, after) in itertools.pairwise(told):
        assert after_ms - before_ms >= REMB_INTERVAL_MS or after < REMB_DROP * before


@given(st.lists(st.integers(0, 2**16 - 1) | st.integers(65_000, 65_535), max_size=40))
def test_missing_packets_are_those_that_aiortc_finds(numbers: list[int]) -> None:
    ours, theirs = Nack(), NackGenerator()
    for number in numbers:
        packet = RtpPacket(sequence_number=number)
        ours.add(packet)
        theirs.add(packet)
        assert (ours.max_seq, ours.missing) == (theirs.max_seq, theirs.missing)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 1_500), st.booleans())))
def test_the_rate_is_what_aiortc_counts(packets: list[tuple[int, int, bool]]) -> None:
    ours, theirs = Rate(100), RateCounter(100)
    now_ms = 0
    for gap_ms, size, added in packets:
        now_ms += gap_ms
        if added:
            ours.add(size, now_ms)
            theirs.add(size, now_ms)
        assert ours.rate(now_ms) == theirs.rate(now_ms)


async def answered(gateway: Gateway, kind: str) -> tuple[RTCPeerConnection, str, Peer]:
    """A client that offers to send, the answer that it does not know yet, and the peer that gave
    it."""
    session = await gateway.create()
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver(kind, "sendonly")
    await client.setLocalDescription(await client.createOffer())
    answer = await session.offer(client.localDescription.sdp)
    assert answer.status_code == 201, answer.text
    live = gateway.context.sessions.get(session.id)
    assert live
    assert live.peer
    return client, answer.text, live.peer


async def test_a_camera_that_comes_back_blocks_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiortc's own counter would go through a gap of any length for as long."""
    erase = RateCounter._erase_old

    def erased(self: RateCounter, now_ms: int) -> None:
        assert self._origin_ms is not None
        assert now_ms - self._origin_ms < 2 * self._window_size
        erase(self, now_ms)

    monkeypatch.setattr(RateCounter, "_erase_old", erased)
    client, _, peer = await answered(gateway, "video")
    (receiver,) = (t.receiver for t in peer._connection.getTransceivers())
    estimator = getattr(receiver, "_RTCRtpReceiver__remote_bitrate_estimator")  # noqa: B009
    for now_ms in (0, 5, 600_000, 600_005, 10**12):
        estimator.add(now_ms, 1, 1_200, 1)
    assert estimator.incoming_bitrate.rate(10**12 + 999) == 8 * 1_200
    await client.close()


async def test_only_the_first_packets_go_the_long_way(
    gateway: Gateway, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every packet goes one of the two."""
    short: Counter[int] = Counter()
    all_of: dict[int, StreamStatistics] = {}
    know = receive._Transport.know

    def knows(self: Any, packet: RtpPacket, receiver: Any, assembler: Any) -> None:
        know(self, packet, receiver, assembler)
        all_of.update((ssrc, stream.statistics) for ssrc, stream in self.streams.items())

    read = receive.parse

    def counted(data: bytes) -> tuple[RtpPacket, bytes]:
        packet, extensions = read(data)
        short[packet.ssrc] += 1
        return packet, extensions

    monkeypatch.setattr(receive._Transport, "know", knows)
    monkeypatch.setattr(receive, "parse", counted)
    session = await gateway.create()
    before = dropped_chunks()
    async with media_of(bus, session) as (frames, chunks):
        video, sound = video_of("VP8"), audio()
        async with sending(session, video, sound):
            await video.done.wait()
            await sound.done.wait()
        await session.post("end")
    accounts = await accounts_of(bus, session)
    assert sampled(accounts[Kind.KIND_GATEWAY_VIDEO]) > 0.5 * 15 * SECONDS
    dropped = dropped_chunks() - before
    assert samples_of(chunks) + dropped * CHUNK_SAMPLES > 0.8 * SAMPLE_RATE * SECONDS
    assert frames
    assert chunks
    assert len(all_of) == 2
    for ssrc, statistics in all_of.items():
        assert statistics.packets_received > SECONDS * media.FPS
        assert 0 <= statistics.packets_received - short[ssrc] <= 5, "the long way"
    assert sum(account.dropped.get("late", 0) for account in accounts.values()) == 0


async def test_forged_and_malformed_datagrams_are_nothing(gateway: Gateway, bus: Bus) -> None:
    """What the keys don't authenticate reaches no stream, and ends none; nor does what is
    no datagram of anybody's, before and after the first packet."""
    session = await gateway.create()
    video, sound = video_of("VP8"), audio()

    async with sending(session, video, sound) as connection:
        sender: Any = connection.getTransceivers()[0].sender.transport.transport
        address = sender._connection._nominated[1].remote_addr
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as anybody:
            anybody.setblocking(False)
            live = gateway.context.sessions.get(session.id)
            assert live
            assert live.peer
            (transport,) = live.peer._path._transports.values()
            for _ in range(2):
                ssrcs = {1: b"\x60", 2: b"\x00"} | {
                    ssrc: bytes([next(iter(stream.codecs))])
                    for ssrc, stream in transport.streams.items()
                }
                for ssrc, payload_type in ssrcs.items():
                    forged = b"\x80" + payload_type + bytes(6) + ssrc.to_bytes(4, "big")
                    for datagram in (forged + bytes(40), forged + bytes(1_600), b"", b"\x80"):
                        anybody.sendto(datagram, address)
                await asyncio.sleep(0.5)
        await video.done.wait()
        await sound.done.wait()
        assert len(transport.streams) == 2
        assert connection.connectionState == "connected"
        await session.post("end")
    accounts = await accounts_of(bus, session)
    heard = accounts[Kind.KIND_GATEWAY_AUDIO].received
    assert 0.8 * SECONDS * 50 <= heard <= len(sound.packets)


async def test_datagrams_before_the_connection_stands_are_not_all_kept(gateway: Gateway) -> None:
    """Whatever they are like; what is to be said afterwards is still heard."""
    client, answer, peer = await answered(gateway, "audio")
    (transport,) = peer._path._transports
    ice: Any = transport.transport._connection
    for datagram in (b"\x80" + bytes(40), b"\x16" + bytes(40), bytes(40)):
        for protocol in ice._protocols:
            for _ in range(MAX_WAITING):
                protocol.datagram_received(datagram, ("192.0.2.1", 5_000))
    assert ice._queue.qsize() == MAX_WAITING
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await connected(client)
    await client.close()


async def test_a_client_with_a_hundred_sources(gateway: Gateway, bus: Bus) -> None:
    """They are not all kept, and the connection still ends when it is told to."""
    session = await gateway.create()
    sound = audio()
    async with sending(session, sound) as connection:
        (transceiver,) = connection.getTransceivers()
        dtls = transceiver.sender.transport
        kind = transceiver._codecs[0].payloadType
        assert kind is not None
        for ssrc in range(1, 101):
            packet = RtpPacket(kind, sequence_number=1, timestamp=1, ssrc=ssrc, payload=b"\xf8")
            await dtls._send_rtp(packet.serialize())
        await sound.done.wait()
        await asyncio.sleep(1.6)  # for receiver reports, each 0.5 to 1.5 s
        assert connection.connectionState == "connected"
        live = gateway.context.sessions.get(session.id)
        assert live
        assert live.peer
        (receiver,) = (t.receiver for t in live.peer._connection.getTransceivers())
        known = getattr(receiver, "_RTCRtpReceiver__remote_streams")  # noqa: B009 - mangled
        assert len(known) <= MAX_SOURCES
        (transport,) = live.peer._path._transports
        ice: Any = transport.transport._connection
        waiting = ice._queue.qsize()
        for start in (b"\x80\x6f", b"\x80\xc9"):  # RTP, RTCP
            ice.data_received(start + b"news" * 10, 1)
        assert ice._queue.qsize() == waiting, "no more than these"
        ice.data_received(b"\x80\x6f" + bytes(9) + b"\x01" + bytes(20), 1)
        ice.data_received(b"\x16" + bytes(40), 1)
        assert ice._queue.qsize() == waiting + 2, "of those that are known, and DTLS"
        async with asyncio.timeout(5):
            await session.post("end")
    await accounts_of(bus, session)
