"""From RTP packets to whole encoded frames.

Takes the place of aiortc's jitter buffer, which hands a frame on only when the next
one begins. Here a frame is released with its last packet (the marker bit, RFC 3550,
5.1; for VP8 RFC 7741, 4.1), in order, also under loss and reordering: a gap holds
what follows back until it is filled by a retransmission or given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtp import RtpPacket

from gateway.circle import SEQUENCE_MODULUS, distance
from gateway.clock import now_us
from gateway.payload import PacketReader, data_of
from gateway.references import References

MAX_LEAP = 3_000
"""Packets. A number further from the newest is no loss and no reordering: the sender
started anew (MAX_DROPOUT of RFC 3550, A.1)."""

RESTART_DISTANCE = 1 << 20
"""How far apart the numbers before and after a sender's new start are made: to all that
counts packets it is a long loss."""

GIVE_UP_US = 200_000
"""A gap older than this is lost: two round trips of a slow path, and well within the
500 ms after which a frame is of no use."""

MAX_HELD = 512
"""Packets held behind a gap, as in aiortc: 2 s of a 3 Mbit/s stream."""

MAX_FRAME_PACKETS = 1_024
"""1.2 MB: no frame of a camera is larger, and a sender that never ends one is stopped."""

KEY_REQUEST_US = 500_000
"""While there is nothing to decode a key frame is asked for this often."""


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
    """16-bit sequence numbers as integers that don't wrap.

    Another SSRC, or a leap of more than MAX_LEAP, is a sender that starts anew.
    """

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._newest = 0
        """Unwrapped."""

    def unwrap(self, packet: RtpPacket) -> int:
        number = packet.sequence_number
        if self._ssrc is None:
            self._ssrc, self._newest = packet.ssrc, number
        ahead = distance(number, self._newest, SEQUENCE_MODULUS)
        if packet.ssrc != self._ssrc or abs(ahead) > MAX_LEAP:
            self._ssrc = packet.ssrc
            # The next multiple of the distance keeps the low 16 bits the packet's own.
            ahead = RESTART_DISTANCE + (number - self._newest) % SEQUENCE_MODULUS
        result = self._newest + ahead
        self._newest = max(self._newest, result)
        return result


class VideoAssembler:
    """In place of aiortc's video JitterBuffer: `add` is called for every packet.

    deliver: gets each decodable frame in order, and never one whose references were lost.
    """

    def __init__(
        self, readers: dict[int, PacketReader], deliver: Callable[[EncodedFrame], None]
    ) -> None:
        """readers: by payload type."""
        self._readers = readers
        self._deliver = deliver
        self._unwrapper = Unwrapper()
        self._references = References()
        self._held: dict[int, tuple[RtpPacket, int]] = {}
        """Packets that came before one that precedes them, with their arrival."""
        self._next: int | None = None
        self._frame: list[RtpPacket] = []
        """The packets of the frame that is under way, in order and without a gap."""
        self._missed = False
        """Something was lost or refused since the last frame that was delivered: only then is
        a key frame asked for, not while the first one is on its way."""
        self._asked_us = 0

    def need_key(self) -> None:
        """The decoder lost its state: nothing is of use until a key frame."""
        self._references.forget()
        self._missed = True

    def _lost(self) -> None:
        self._references.lost()
        self._missed = True

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Returns (whether to ask for a key frame, None): frames go to `deliver` instead."""
        arrival_us = now_us()
        number = self._unwrapper.unwrap(packet)
        if self._next is None:
            self._next = number
        if number >= self._next:
            self._held[number] = (packet, arrival_us)
            self._advance()
            self._watch_gap(arrival_us)
        return self._ask(arrival_us), None

    def _advance(self) -> None:
        """Take what is there in order."""
        assert self._next is not None
        while (held := self._held.pop(self._next, None)) is not None:
            self._next += 1
            self._take(*held)

    def _take(self, packet: RtpPacket, arrival_us: int) -> None:
        if packet.payload_type not in self._readers or not data_of(packet):
            return  # padding, which only holds a number
        if self._frame and packet.timestamp != self._frame[0].timestamp:
            self._hand_on(arrival_us)  # a sender that sets no marker
        self._frame.append(packet)
        if packet.marker:
            self._hand_on(arrival_us)
        elif len(self._frame) == MAX_FRAME_PACKETS:
            self._frame.clear()
            self._lost()

    def _hand_on(self, arrival_us: int) -> None:
        packets, self._frame = self._frame, []
        reader = self._readers[packets[0].payload_type]
        if not reader.starts_frame(packets[0]):
            self._lost()
            return
        key = any(reader.is_key(packet) for packet in packets)
        if not self._references.has(key, reader.layer(packets[0])):
            self._missed = True
            return
        self._missed = False
        self._deliver(
            EncodedFrame(
                reader.codec,
                b"".join(data_of(packet) for packet in packets),
                packets[0].timestamp,
                key,
                all(reader.is_discardable(packet) for packet in packets),
                arrival_us,
            )
        )

    def _watch_gap(self, arrival_us: int) -> None:
        """Give a gap up when it is too old or holds too much back."""
        while self._held:
            following = min(self._held)
            waited_us = arrival_us - self._held[following][1]
            if waited_us < GIVE_UP_US and len(self._held) < MAX_HELD:
                return
            self._frame.clear()
            self._lost()
            self._next = following
            self._advance()

    def _ask(self, arrival_us: int) -> bool:
        wanted = self._missed and self._references.need_key
        if not wanted or arrival_us - self._asked_us < KEY_REQUEST_US:
            return False
        self._asked_us = arrival_us
        return True
