"""What assembly has to know of a codec's RTP payload format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtpPacket

VP8_START, VP8_PARTITION, VP8_DISCARDABLE = 0x10, 0x07, 0x20
"""Of the payload descriptor's first octet (RFC 7741, 4.2): S, PID, N."""

H264_SLICE, H264_IDR, H264_SPS, H264_STAP_A, H264_FU_A = 1, 5, 7, 24, 28
H264_TYPE, H264_REF_IDC = 0x1F, 0x60
FIRST_BIT = 0x80
"""FU-A's start bit; and of a slice header: first_mb_in_slice is 0, as ue(v) a single 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A VP8 frame's place among temporal layers (RFC 7741, 4.2)."""

    number: int
    """TID: 0 is the base, whose frames refer to the base alone."""
    sync: bool
    """Y: the frame refers to the base layer alone."""
    base: int
    """TL0PICIDX: of the newest frame of the base layer, up to this one."""


class PacketReader(Protocol):
    """Reads one codec's payloads, which aiortc's depayloader has accepted."""

    codec: str

    def starts_frame(self, packet: RtpPacket) -> bool: ...
    def is_key(self, packet: RtpPacket) -> bool: ...
    def is_discardable(self, packet: RtpPacket) -> bool: ...
    def layer(self, packet: RtpPacket) -> Layer | None: ...


class Vp8Reader:
    """RFC 7741: the payload descriptor, then the VP8 frame header's first octet."""

    codec = "vp8"

    def starts_frame(self, packet: RtpPacket) -> bool:
        first = packet.payload[0]
        return bool(first & VP8_START) and not first & VP8_PARTITION

    def is_key(self, packet: RtpPacket) -> bool:
        return self.starts_frame(packet) and not data_of(packet)[0] & 1

    def is_discardable(self, packet: RtpPacket) -> bool:
        return bool(packet.payload[0] & VP8_DISCARDABLE)

    def layer(self, packet: RtpPacket) -> Layer | None:
        descriptor, _ = VpxPayloadDescriptor.parse(packet.payload)
        if descriptor.tid is None or descriptor.tl0picidx is None:
            return None
        number, sync = descriptor.tid
        return Layer(number, bool(sync), descriptor.tl0picidx)


class H264Reader:
    """RFC 6184: single NAL units, STAP-A and FU-A."""

    codec = "h264"

    def starts_frame(self, packet: RtpPacket) -> bool:
        """Parameter sets and the like come before a frame's slices; of these the first
        begins at its first macroblock."""
        payload = packet.payload
        kind, following = _unit(payload)
        if payload[0] & H264_TYPE == H264_FU_A and not payload[1] & FIRST_BIT:
            return False
        return kind not in (H264_SLICE, H264_IDR) or bool(following and following[0] & FIRST_BIT)

    def is_key(self, packet: RtpPacket) -> bool:
        return any(kind in (H264_IDR, H264_SPS) for kind in _kinds(packet.payload))

    def is_discardable(self, packet: RtpPacket) -> bool:
        return not packet.payload[0] & H264_REF_IDC

    def layer(self, packet: RtpPacket) -> Layer | None:
        """H.264's packets don't say."""
        return None


def _unit(payload: bytes) -> tuple[int, bytes]:
    """(type of the payload's first NAL unit, the octet after that unit's header if any)."""
    kind = payload[0] & H264_TYPE
    if kind == H264_FU_A:
        return payload[1] & H264_TYPE, payload[2:3]
    if kind == H264_STAP_A:
        return (payload[3] & H264_TYPE, payload[4:5]) if len(payload) > 3 else (0, b"")
    return kind, payload[1:2]


def _kinds(payload: bytes) -> Iterator[int]:
    """Types of all NAL units of the payload: a STAP-A may begin with a delimiter or an SEI."""
    if payload[0] & H264_TYPE != H264_STAP_A:
        yield _unit(payload)[0]
        return
    place = 1
    while place + 2 < len(payload):
        yield payload[place + 2] & H264_TYPE
        place += 2 + int.from_bytes(payload[place : place + 2], "big")


READERS: dict[str, PacketReader] = {reader.codec: reader for reader in (Vp8Reader(), H264Reader())}


def data_of(packet: RtpPacket) -> bytes:
    """The payload without its descriptor, as aiortc's receiver left it on the packet."""
    data: bytes = getattr(packet, "_data", b"")
    return data
