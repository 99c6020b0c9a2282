"""From RTP packets to whole encoded frames.

Takes the place of aiortc's jitter buffer, which hands a frame on only when the next
one begins. Here a frame is released with its last packet (the marker bit, RFC 3550,
5.1; for VP8 RFC 7741, 4.1), in order, also under loss and reordering: a gap holds
what follows back until it is filled by a retransmission or given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiortc.rtp import RtpPacket

from services.runtime.bus import now_us

SEQUENCE_MODULUS = 1 << 16
GIVE_UP_US = 200_000
"""A gap older than this is lost: two round trips of a slow path, and well within the
500 ms after which a frame is of no use."""

MAX_HELD = 512
"""Packets held behind a gap, as in aiortc: 2 s of a 3 Mbit/s stream."""

KEY_REQUEST_US = 500_000
"""While there is nothing to decode a key frame is asked for this often."""

VP8_DISCARDABLE = 0x20
VP8_START = 0x10
VP8_PARTITION = 0x07
H264_STAP_A, H264_FU_A, H264_IDR, H264_SPS = 24, 28, 5, 7


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    codec: str
    """FFmpeg's name of it, which is the SDP's in lower case."""
    data: bytes
    timestamp: int
    """RTP, 90 kHz."""
    key: bool
    discardable: bool
    """No other frame refers to it (VP8's N bit, H.264's nal_ref_idc 0)."""
    arrival_us: int


class Unwrapper:
    """16-bit sequence numbers as integers that don't wrap."""

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, number: int) -> int:
        if self._last is None:
            self._last = number
            return number
        half = SEQUENCE_MODULUS // 2
        distance = (number - self._last + half) % SEQUENCE_MODULUS - half
        result = self._last + distance
        self._last = max(self._last, result)
        return result


class PacketReader(Protocol):
    """What assembly has to know of a codec's payload format."""

    codec: str

    def starts_frame(self, packet: RtpPacket) -> bool: ...
    def is_key(self, packet: RtpPacket) -> bool: ...
    def is_discardable(self, packet: RtpPacket) -> bool: ...


class Vp8Reader:
    """RFC 7741: the payload descriptor's first octet, then the VP8 header's."""

    codec = "vp8"

    def starts_frame(self, packet: RtpPacket) -> bool:
        first = packet.payload[0]
        return bool(first & VP8_START) and not first & VP8_PARTITION

    def is_key(self, packet: RtpPacket) -> bool:
        data = _data(packet)
        return self.starts_frame(packet) and bool(data) and not data[0] & 1

    def is_discardable(self, packet: RtpPacket) -> bool:
        return bool(packet.payload[0] & VP8_DISCARDABLE)


class H264Reader:
    """RFC 6184: single NAL units, STAP-A and FU-A."""

    codec = "h264"

    def starts_frame(self, packet: RtpPacket) -> bool:
        kind = packet.payload[0] & 0x1F
        return kind != H264_FU_A or bool(packet.payload[1] & 0x80)

    def is_key(self, packet: RtpPacket) -> bool:
        payload = packet.payload
        kind = payload[0] & 0x1F
        if kind == H264_FU_A:
            kind = payload[1] & 0x1F
        elif kind == H264_STAP_A:
            kind = payload[3] & 0x1F if len(payload) > 3 else 0
        return kind in (H264_IDR, H264_SPS)

    def is_discardable(self, packet: RtpPacket) -> bool:
        return not packet.payload[0] & 0x60


READERS: dict[str, PacketReader] = {reader.codec: reader for reader in (Vp8Reader(), H264Reader())}


class VideoAssembler:
    """In place of aiortc's video JitterBuffer: `add` is called for every packet.

    deliver: gets each decodable frame in order. It is never given a frame whose
    references were lost: after a loss it waits for a key frame, unless what was lost
    was discardable.
    """

    def __init__(
        self, readers: dict[int, PacketReader], deliver: Callable[[EncodedFrame], None]
    ) -> None:
        self._readers = readers
        self._deliver = deliver
        self._unwrapper = Unwrapper()
        self._held: dict[int, tuple[RtpPacket, int]] = {}
        self._next: int | None = None
        self._gap_since_us: int | None = None
        self._need_key = True
        self._asked_us = 0

    def need_key(self) -> None:
        """The decoder lost its state: nothing is of use until a key frame."""
        self._need_key = True

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Returns (whether to ask for a key frame, None): frames go to `deliver` instead."""
        arrival_us = now_us()
        number = self._unwrapper.unwrap(packet.sequence_number)
        if _data(packet) and packet.payload_type in self._readers:
            if self._next is None:
                self._next = number
            if number >= self._next:
                self._held[number] = (packet, arrival_us)
        elif number == self._next:
            self._next += 1  # padding only
        self._release()
        self._watch_gap(arrival_us)
        return self._ask(arrival_us), None

    def _release(self) -> None:
        while (frame := self._whole_frame()) is not None:
            packets = [self._held.pop(number) for number in frame]
            self._next = frame.stop
            self._gap_since_us = None
            self._hand_on([packet for packet, _ in packets], packets[-1][1])

    def _whole_frame(self) -> range | None:
        """The numbers of the first frame held, when all of it is here."""
        if self._next is None or self._next not in self._held:
            return None
        number = self._next
        timestamp = self._held[number][0].timestamp
        while number in self._held:
            packet, _ = self._held[number]
            if packet.timestamp != timestamp:
                return range(self._next, number)  # a sender that sets no marker
            number += 1
            if packet.marker:
                return range(self._next, number)
        return None

    def _hand_on(self, packets: list[RtpPacket], arrival_us: int) -> None:
        reader = self._readers[packets[0].payload_type]
        key = reader.is_key(packets[0])
        if not reader.starts_frame(packets[0]) or (self._need_key and not key):
            self._need_key = True
            return
        self._need_key = False
        self._deliver(
            EncodedFrame(
                reader.codec,
                b"".join(_data(packet) for packet in packets),
                packets[0].timestamp,
                key,
                all(reader.is_discardable(packet) for packet in packets),
                arrival_us,
            )
        )

    def _watch_gap(self, arrival_us: int) -> None:
        """Give a gap up when it is too old or holds too much back."""
        if not self._held or self._next is None or self._next in self._held:
            return
        if self._gap_since_us is None:
            self._gap_since_us = arrival_us
        if arrival_us - self._gap_since_us < GIVE_UP_US and len(self._held) < MAX_HELD:
            return
        self._gap_since_us = None
        self._need_key = True
        self._next = min(self._held)
        self._release()

    def _ask(self, arrival_us: int) -> bool:
        if not self._need_key or arrival_us - self._asked_us < KEY_REQUEST_US:
            return False
        self._asked_us = arrival_us
        return True


def _data(packet: RtpPacket) -> bytes:
    """The payload without its descriptor, as aiortc's receiver left it on the packet."""
    data: bytes = getattr(packet, "_data", b"")
    return data
