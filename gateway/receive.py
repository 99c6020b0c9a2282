"""Media from the socket to assembly, without a queue, a task switch and a dozen calls a packet.

aiortc takes each datagram through a STUN parser, a queue, a task and a chain of coroutines,
and reads header extensions that nobody asks for: two thirds of what a gateway did. Here a
packet of a stream that aiortc has routed once is authenticated and handed on where it
arrives. All else (STUN, DTLS, RTCP, retransmissions, a stream's first packet) still goes
aiortc's way, whose NACK, REMB and receiver reports count both ways' packets alike (its
transport's own counters, which nothing here reads, do not).

Some of what aiortc trusts a sender with is bounded here: anybody's datagram may not end a
connection, nor a client's packets a gateway's time or memory.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pylibsrtp
import structlog
from aiortc import RTCRtpReceiver
from aiortc.codecs import depayload, is_rtx
from aiortc.rate import RateCounter, RemoteBitrateEstimator
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import NackGenerator, StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTP_HISTORY_SIZE,
    RtcpPsfbPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
)
from aiortc.utils import uint16_add

from gateway.capture_clock import NTP_TO_UNIX_S
from gateway.circle import SEQUENCE_MODULUS, distance
from gateway.clock import now_us

log = structlog.get_logger(__name__)

HEADER = struct.Struct("!BBHLL")
"""RTP's fixed header (RFC 3550, 5.1)."""
EXTENSION = struct.Struct("!HH")
"""Profile and length in 32-bit words of what precedes the header extensions."""

VERSION = 2
"""Of RTP in the first two bits: no STUN, DTLS or TURN datagram has them so (RFC 7983)."""
PADDING, EXTENDED, SOURCES, MARKED, TYPE = 0x20, 0x10, 0x0F, 0x80, 0x7F
RTCP_TYPES = range(64, 96)
"""Payload types that a multiplexed stream can't have: they would read as RTCP (RFC 5761, 4)."""

ONE_BYTE_PROFILE = 0xBEDE
"""Of header extensions (RFC 8285, 4.2), the only form that browsers send unasked."""

MAX_DATAGRAM = 1_500
"""Bytes: libsrtp's room as pylibsrtp makes it, which raises what aiortc does not catch for more.
No path of the Internet carries as much."""

MAX_SOURCES = 16
"""SSRCs of one receiver, retransmission's and new starts among them: each stands in every
receiver report, and a report of 57 is longer than pylibsrtp protects."""

MAX_SSRCS = 64
"""Of one transport, besides what already waits: libsrtp and aiortc's router keep each to the end.
A browser has two for a track, and few new starts of them."""

MAX_STREAMS = 8
"""SSRCs that come straight at a time: sound, picture and a few new starts of theirs."""

REMB_INTERVAL_MS, REMB_DROP = 200, 0.97
"""Between reports of the bandwidth, unless it fell by more (libwebrtc's RembThrottler): under
overuse aiortc's estimator has one for each packet."""

MAX_WAITING = 256
"""Datagrams that wait for aiortc's task, which takes none before ICE is done: anybody's. Of a
connection that stands it takes them as they come, so that a few dozen wait at most."""

MAX_FEEDBACK = 16
"""RTCP messages under way: while the network takes none, more would only wait."""


Received = Callable[[bytes | str, tuple[Any, ...]], None]
"""A protocol's datagram_received."""


class Assembler(Protocol):
    """What an aiortc receiver asks of its jitter buffer."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]: ...


class Bandwidth:
    """What a sender may use, for REMB (draft-alvestrand-rmcat-remb): aiortc's estimator, asked
    once for all packets of a millisecond, the finest that it tells apart. (A retransmission,
    which goes aiortc's way, may overtake that millisecond.)"""

    def __init__(self, estimator: RemoteBitrateEstimator) -> None:
        self._estimator = estimator
        self._arrival_ms = 0
        self._sent = 0
        self._size = 0
        """Of the packets of this millisecond, bytes."""
        self._told = (0, 0)
        """Bit/s, and when, ms."""

    def add(self, sent: int, size: int, ssrc: int) -> tuple[int, list[int]] | None:
        """sent: abs-send-time. (bit/s, SSRCs) when it is time to tell."""
        now_ms = _ntp_ms()
        if now_ms == self._arrival_ms:
            self._sent, self._size = sent, self._size + size
            return None
        estimate = None
        if self._size:
            estimate = self._estimator.add(self._arrival_ms, self._sent, self._size, ssrc)
        self._arrival_ms, self._sent, self._size = now_ms, sent, size
        if estimate is None:
            return None
        told, told_ms = self._told
        if now_ms - told_ms < REMB_INTERVAL_MS and estimate[0] >= REMB_DROP * told:
            return None
        self._told = (estimate[0], now_ms)
        return estimate


@dataclass(frozen=True, slots=True)
class Stream:
    """One SSRC of a receiver, with aiortc's own counts of it."""

    receiver: RTCRtpReceiver
    codecs: dict[int, RTCRtpCodecParameters]
    """By payload type; without retransmission."""
    statistics: StreamStatistics
    nack: NackGenerator | None
    bandwidth: Bandwidth | None
    """Of pictures; sound's share of the path is not worth asking."""
    assembler: Assembler


class Nack(NackGenerator):
    """aiortc's, with the same result, but not number by number through a leap."""

    def add(self, packet: RtpPacket) -> bool:
        if self.max_seq is not None:
            ahead = distance(packet.sequence_number, self.max_seq, SEQUENCE_MODULUS)
            if ahead > RTP_HISTORY_SIZE + 1:
                # What is missing from further back is forgotten in any case.
                self.max_seq = uint16_add(packet.sequence_number, -RTP_HISTORY_SIZE - 1)
        return super().add(packet)


class Rate(RateCounter):
    """aiortc's, with the same result, but not millisecond by millisecond through a gap."""

    def _erase_old(self, now_ms: int) -> None:
        since_ms = now_ms - self._window_size + 1
        if self._origin_ms is not None and since_ms >= self._origin_ms + self._window_size:
            self.reset()  # all that is there came before the window
            self._origin_ms = since_ms
        super()._erase_old(now_ms)


class ReceivePath:
    """A peer's streams: `hook` its receivers, `listen` once it has sockets, `close` before
    aiortc does."""

    def __init__(self) -> None:
        self._transports: dict[RTCDtlsTransport, _Transport] = {}
        self._closed = False

    def hook(self, receiver: RTCRtpReceiver, assembler: Assembler) -> None:
        """Take over the receiver's streams, each after its first packet.

        aiortc has no hooks here. Its jitter buffer's place is taken too, for what still goes
        aiortc's way: `add` never returns a frame, so that neither its decoder thread nor
        its unbounded queues get anything to do.
        """
        setattr(receiver, "_RTCRtpReceiver__jitter_buffer", assembler)  # noqa: B010 - mangled
        if _own(receiver, "RTCRtpReceiver", "nack_generator") is not None:
            setattr(receiver, "_RTCRtpReceiver__nack_generator", Nack())  # noqa: B010
        if estimator := _own(receiver, "RTCRtpReceiver", "remote_bitrate_estimator"):
            rate = estimator.incoming_bitrate
            estimator.incoming_bitrate = Rate(rate._window_size, rate._scale)
        handle, report = receiver._handle_rtp_packet, receiver._run_rtcp

        async def handled(packet: RtpPacket, arrival_time_ms: int) -> None:
            known = _own(receiver, "RTCRtpReceiver", "remote_streams")
            if self._closed or (packet.ssrc not in known and len(known) >= MAX_SOURCES):
                return
            await handle(packet, arrival_time_ms)
            if transport := self._transports.get(receiver.transport):
                transport.know(packet, receiver, assembler)

        async def reporting() -> None:
            try:
                await report()
            except (struct.error, ValueError, pylibsrtp.Error) as error:
                log.info("no more receiver reports", error=type(error).__name__)
            finally:  # aiortc's stop waits for it, also when reports ended by an error
                _own(receiver, "RTCRtpReceiver", "rtcp_exited").set()

        receiver._handle_rtp_packet = handled  # type: ignore[method-assign]
        receiver._run_rtcp = reporting  # type: ignore[method-assign]

    def listen(self, transports: Iterable[RTCDtlsTransport]) -> None:
        """Before anything has come over them, as soon as their sockets are there."""
        for transport in transports:
            if transport not in self._transports:
                self._transports[transport] = _Transport(transport)

    def close(self) -> None:
        """From here on nothing is handed on."""
        self._closed = True
        for transport in self._transports.values():
            transport.streams.clear()


class _Transport:
    """The streams that come over one DTLS transport."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        self.streams: dict[int, Stream] = {}
        """By SSRC."""
        self._transport = transport
        self._send_time_id: int | None = None
        self._feedback: set[asyncio.Task[None]] = set()
        connection = transport.transport._connection
        self._ssrcs: set[int] = set()
        """That came authenticated, of RTP and RTCP."""
        handle_rtp, handle_rtcp = transport._handle_rtp_data, transport._handle_rtcp_data

        async def on_rtp(data: bytes, arrival_time_ms: int) -> None:
            self._ssrcs.add(ssrc_of(data))
            await handle_rtp(data, arrival_time_ms)

        async def on_rtcp(data: bytes) -> None:
            self._ssrcs.add(ssrc_of(data))
            await handle_rtcp(data)

        transport._handle_rtp_data = on_rtp  # type: ignore[method-assign]
        transport._handle_rtcp_data = on_rtcp  # type: ignore[method-assign]
        self._queue = connection._queue
        self._keep = connection.data_received
        connection.data_received = self._waits  # type: ignore[method-assign]
        for protocol in connection._protocols:
            taken = self._before(protocol.datagram_received)
            protocol.datagram_received = taken  # type: ignore[assignment,method-assign]

    def know(self, packet: RtpPacket, receiver: RTCRtpReceiver, assembler: Assembler) -> None:
        """A packet went aiortc's way, authenticated: the next of its stream need not."""
        if packet.ssrc in self.streams:
            return
        codecs: dict[int, RTCRtpCodecParameters] = {
            number: codec
            for number, codec in _own(receiver, "RTCRtpReceiver", "codecs").items()
            if not is_rtx(codec) and number not in RTCP_TYPES
        }
        statistics = _own(receiver, "RTCRtpReceiver", "remote_streams").get(packet.ssrc)
        if packet.payload_type not in codecs or statistics is None:
            return  # a retransmission, or nothing that aiortc took
        extensions = self._transport._rtp_header_extensions_map
        self._send_time_id = _own(extensions, "HeaderExtensionsMap", "ids").abs_send_time
        if len(self.streams) >= MAX_STREAMS:
            del self.streams[next(iter(self.streams))]
        nack = _own(receiver, "RTCRtpReceiver", "nack_generator")
        estimator = _own(receiver, "RTCRtpReceiver", "remote_bitrate_estimator")
        bandwidth = Bandwidth(estimator) if estimator else None
        self.streams[packet.ssrc] = Stream(receiver, codecs, statistics, nack, bandwidth, assembler)

    def _before(self, otherwise: Received) -> Received:
        """Take the datagrams of known streams; the rest goes on as before."""

        def received(data: bytes | str, address: tuple[Any, ...]) -> None:
            if not isinstance(data, bytes) or not 0 < len(data) <= MAX_DATAGRAM:
                return  # nobody's: aiortc would end the connection over it
            if (
                len(data) >= HEADER.size
                and data[0] >> 6 == VERSION
                and (stream := self.streams.get(int.from_bytes(data[8:12], "big"))) is not None
                and data[1] & TYPE in stream.codecs
                and self._queue.empty()  # what still waits for aiortc's task came before
            ):
                self._take(stream, data)
            else:
                otherwise(data, address)

        return received

    def _waits(self, data: bytes, component: int) -> None:
        """A datagram that is no STUN message goes to aiortc's task, where there is room."""
        if self._queue.qsize() >= MAX_WAITING:
            return
        full = len(self._ssrcs) >= MAX_SSRCS and data[0] >> 6 == VERSION
        if not full or ssrc_of(data) in self._ssrcs:
            self._keep(data, component)

    def _take(self, stream: Stream, data: bytes) -> None:
        """As RTCDtlsTransport's and RTCRtpReceiver's handling of a packet."""
        try:
            packet, extensions = parse(self._transport._rx_srtp.unprotect(data))
        except (pylibsrtp.Error, ValueError):
            return  # forged, repeated or garbled: not a packet of the stream
        if not stream.receiver._enabled:
            return
        sent = send_time(extensions, self._send_time_id) if stream.bandwidth else None
        if stream.bandwidth is not None and sent is not None:
            size = len(packet.payload) + packet.padding_size
            self._tell(stream.receiver, stream.bandwidth.add(sent, size, packet.ssrc))
        stream.statistics.add(packet)
        if stream.nack is not None and stream.nack.add(packet):
            missing = sorted(stream.nack.missing)
            self._send(stream.receiver._send_rtcp_nack(packet.ssrc, missing))
        codec = stream.codecs[packet.payload_type]
        try:
            data = depayload(codec, packet.payload) if packet.payload else b""
        except ValueError:
            return
        packet._data = data  # type: ignore[attr-defined]
        need_key, _ = stream.assembler.add(packet)
        if need_key:
            self._send(stream.receiver._send_rtcp_pli(packet.ssrc))

    def _tell(self, receiver: RTCRtpReceiver, estimate: tuple[int, list[int]] | None) -> None:
        ssrc = _own(receiver, "RTCRtpReceiver", "rtcp_ssrc")
        if estimate is not None and ssrc is not None:
            report = RtcpPsfbPacket(RTCP_PSFB_APP, ssrc, 0, pack_remb_fci(*estimate))
            self._send(receiver._send_rtcp(report))

    def _send(self, message: Coroutine[Any, Any, None]) -> None:
        if len(self._feedback) >= MAX_FEEDBACK:
            message.close()
            return
        task = asyncio.get_running_loop().create_task(message)
        self._feedback.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._feedback.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.info("feedback not sent", error=type(error).__name__)


def ssrc_of(data: bytes) -> int:
    """Of a packet of RTP or RTCP, its sender's."""
    return int.from_bytes(data[4:8] if is_rtcp(data) else data[8:12], "big")


def _ntp_ms() -> int:
    """aiortc's clock.current_ms, which the estimator also gets by aiortc's own way."""
    return now_us() // 1_000 + NTP_TO_UNIX_S * 1_000


def _own(of: object, kind: str, name: str) -> Any:
    """An attribute that aiortc keeps for itself, by its mangled name."""
    return getattr(of, f"_{kind}__{name}")


def parse(data: bytes) -> tuple[RtpPacket, bytes]:
    """(an RTP packet, its header extensions with their profile and length). Raises ValueError.

    As RtpPacket.parse, which takes ten times as long for extensions that nobody reads here.
    """
    first, second, number, timestamp, ssrc = HEADER.unpack_from(data)
    start, end, extensions = HEADER.size + 4 * (first & SOURCES), len(data), b""
    if first & EXTENDED:
        if end < start + EXTENSION.size:
            raise ValueError("RTP header extensions are cut off")
        _, words = EXTENSION.unpack_from(data, start)
        past = start + EXTENSION.size + 4 * words
        start, extensions = past, data[start:past]
    padding = data[-1] if first & PADDING else 0
    end -= padding
    if start > end or (first & PADDING and not padding):
        raise ValueError("an RTP packet is shorter than it says")
    packet = RtpPacket(second & TYPE, second // MARKED, number, timestamp, ssrc, data[start:end])
    packet.padding_size = padding
    return packet, extensions


def send_time(extensions: bytes, number: int | None) -> int | None:
    """abs-send-time, 6.18 fixed-point seconds, of one-byte header extensions (RFC 8285);
    None where there is none."""
    if not number or not extensions or EXTENSION.unpack_from(extensions)[0] != ONE_BYTE_PROFILE:
        return None
    place = EXTENSION.size
    while place + 3 < len(extensions):
        head = extensions[place]
        if head >> 4 == number:
            return int.from_bytes(extensions[place + 1 : place + 4], "big")
        # A zero octet is padding; any other head is followed by its length + 1 octets.
        place += 2 + (head & 0x0F) if head else 1
    return None
