"""Opus packets to chunks of 16 kHz mono: every 20 ms is there, received or concealed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from aiortc.rtp import RtpPacket
from greenroom.v1.common_pb2 import Header
from greenroom.v1.media_pb2 import AudioChunk

from gateway.assembly import Unwrapper
from gateway.capture_clock import CaptureClock
from gateway.circle import RTP_MODULUS, distance
from gateway.clock import now_us
from gateway.opus import PACKET_SAMPLES, OpusDecoder, OpusError
from services.runtime.ledger import Ledger
from services.runtime.media import CHUNK_SAMPLES, MICROSECONDS, SAMPLE_BYTES, SAMPLE_RATE

REORDER_PACKETS = 3
"""A missing packet is waited for until this many later ones are here: 60 ms."""

REST_US = 150_000
"""After so long without a packet what waits is let go: no browser's packets are as long (RFC 7587,
6.1: up to 120 ms), and sound of half a second ago would be of no use any more."""

MAX_CONCEALED = SAMPLE_RATE // 2
"""Samples: half a second. A longer hole is a lost connection, not loss: the timeline jumps."""

TIMESTAMPS_PER_SAMPLE = 48_000 // SAMPLE_RATE
"""Opus's RTP clock is 48 kHz whatever is decoded (RFC 7587, 4.1)."""


class Chunker:
    """Decoded sound of any length in, chunks of up to CHUNK_SAMPLES with their capture time out.

    A chunk was received or concealed as a whole: where the one passes into the other it ends.
    """

    def __init__(self, session_id: str, emit: Callable[[AudioChunk], None]) -> None:
        self._session_id = session_id
        self._emit = emit
        self.sequence = 0
        self._pcm = bytearray()
        self._concealed = False
        self._start_us = 0

    @property
    def wanted(self) -> int:
        """Samples until the next chunk is whole."""
        return CHUNK_SAMPLES - len(self._pcm) // SAMPLE_BYTES

    def add(self, samples: npt.NDArray[np.int16], capture_us: int, concealed: bool) -> None:
        """capture_us: of the first sample."""
        if concealed != self._concealed:
            self.end()
        if not self._pcm:
            self._start_us, self._concealed = capture_us, concealed
        self._pcm += samples.astype("<i2", copy=False).tobytes()
        while self.wanted <= 0:
            self._cut(CHUNK_SAMPLES)

    def end(self) -> None:
        """What there is goes out, a shorter chunk."""
        if self._pcm:
            self._cut(len(self._pcm) // SAMPLE_BYTES)

    def _cut(self, samples: int) -> None:
        self._emit(
            AudioChunk(
                header=Header(
                    session_id=self._session_id,
                    sequence=self.sequence,
                    capture_time_us=self._start_us,
                ),
                pcm=bytes(self._pcm[: SAMPLE_BYTES * samples]),
                sample_rate=SAMPLE_RATE,
                concealed_samples=samples if self._concealed else 0,
            )
        )
        self.sequence += 1
        self._start_us += samples * MICROSECONDS // SAMPLE_RATE
        del self._pcm[: SAMPLE_BYTES * samples]


class AudioReceiver:
    """In place of aiortc's audio JitterBuffer, which loses far more than the network does.

    Packets wait until a chunk may be whole: decoded one after another they take 40 to 80 us each,
    less than a hop to another thread; each at its time, 200 us.
    """

    def __init__(
        self, payload_types: frozenset[int], ledger: Ledger, clock: CaptureClock, chunker: Chunker
    ) -> None:
        """payload_types: those that mean Opus."""
        self._payload_types = payload_types
        self._ledger = ledger
        self._clock = clock
        self._chunker = chunker
        self._decoder = OpusDecoder()
        self._unwrapper = Unwrapper()
        self._held: dict[int, tuple[RtpPacket, int]] = {}
        self._next: int | None = None
        self._last_samples = PACKET_SAMPLES
        self._last_end_us = 0
        self._next_timestamp: int | None = None
        """RTP, of the sample that follows what was decoded or concealed last."""
        self._arrival_us = 0
        """Of the newest packet."""
        self._closed = False

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """As JitterBuffer.add, but sound goes to the chunker: always (False, None)."""
        self._ledger.receive()
        if self._closed:
            self._ledger.drop("connection_closed")
            return False, None
        number = self._unwrapper.unwrap(packet)
        if self._next is None:
            self._next = number
        if number < self._next or number in self._held:
            self._ledger.drop("late" if number < self._next else "duplicate")
            return False, None
        self._arrival_us = now_us()
        self._held[number] = (packet, self._arrival_us)
        if len(self._held) > REORDER_PACKETS or self._may_complete(packet):
            self._release()
        return False, None

    def _may_complete(self, packet: RtpPacket) -> bool:
        """Whether there may be enough for a chunk, were nothing missing before the packet."""
        if self._next_timestamp is None:
            return True
        before = self._samples_before(packet.timestamp)
        held = len(self._held) * self._last_samples
        return max(before + self._last_samples, held) >= self._chunker.wanted

    def _samples_before(self, timestamp: int) -> int:
        """From the end of what was decoded or concealed last; negative for what is older."""
        assert self._next_timestamp is not None
        return distance(timestamp, self._next_timestamp, RTP_MODULUS) // TIMESTAMPS_PER_SAMPLE

    def rest(self, at_us: int) -> None:
        """To be called a few times a second: sound that waits for packets which do not come, in a
        hole or at the end, goes out while it is fresh."""
        if not self._closed and at_us - self._arrival_us >= REST_US:
            self._release(reorder=0)
            self._chunker.end()

    def _release(self, reorder: int = REORDER_PACKETS) -> None:
        """In order. reorder: so many wait behind a missing one."""
        while self._next is not None and self._held:
            if self._next in self._held:
                self._take(*self._held.pop(self._next))
                self._next += 1
            elif len(self._held) > reorder:
                self._fill_gap(min(self._held))
            else:
                return

    def _fill_gap(self, following: int) -> None:
        """Conceal what is missing before the packet `following`, the last by its FEC."""
        assert self._next is not None
        missing = following - self._next
        self._next = following
        if missing * self._last_samples > MAX_CONCEALED:
            self._jump()
            return
        packet, _ = self._held[following]
        for _ in range(missing - 1):
            self._add(self._conceal(), self._last_end_us, concealed=True)
        self._add(self._conceal(packet.payload), self._last_end_us, concealed=True)

    def _conceal(self, following: bytes = b"") -> npt.NDArray[np.int16]:
        """Sound in place of a packet, from the FEC of the one that follows it if that is here."""
        try:
            if following:
                return self._decoder.recover(following, self._last_samples)
            return self._decoder.conceal(self._last_samples)
        except OpusError:
            return np.zeros(self._last_samples, np.int16)

    def _take(self, packet: RtpPacket, arrival_us: int) -> None:
        """The next packet in order."""
        if packet.payload_type not in self._payload_types or not packet.payload:
            self._ledger.drop("no_sound")
            return
        self._fill_pause(packet.timestamp)
        capture_us = self._clock.capture_us(packet.timestamp, arrival_us)
        try:
            samples = self._decoder.decode(packet.payload)
        except OpusError:
            self._ledger.drop("corrupt")
            self._next_timestamp = packet.timestamp
            self._add(np.zeros(self._last_samples, np.int16), capture_us, concealed=True)
            return
        self._ledger.processed()
        self._last_samples = len(samples)
        self._next_timestamp = packet.timestamp
        self._add(samples, capture_us, concealed=False)

    def _fill_pause(self, timestamp: int) -> None:
        """A sender with discontinuous transmission leaves silence out (RFC 7587, 3.1.3):
        the decoder's comfort noise stands for it, and nothing of it was lost."""
        if self._next_timestamp is None:
            return
        missing = self._samples_before(timestamp)
        if missing > MAX_CONCEALED:
            self._jump()
            return
        for _ in range(missing // self._last_samples):
            self._add(self._conceal(), self._last_end_us, concealed=False)

    def _jump(self) -> None:
        self._chunker.end()
        self._next_timestamp = None

    def _add(self, samples: npt.NDArray[np.int16], capture_us: int, *, concealed: bool) -> None:
        self._chunker.add(samples, capture_us, concealed)
        self._last_end_us = capture_us + len(samples) * MICROSECONDS // SAMPLE_RATE
        if self._next_timestamp is not None:
            ahead = len(samples) * TIMESTAMPS_PER_SAMPLE
            self._next_timestamp = (self._next_timestamp + ahead) % RTP_MODULUS

    def close(self) -> None:
        self._release()
        self._closed = True
        for _ in range(len(self._held)):
            self._ledger.drop("connection_closed")
        self._held.clear()
        self._chunker.end()
        self._decoder.close()
