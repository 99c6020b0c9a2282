"""Tracks that send already encoded packets, paced by their own clock.

aiortc's MediaPlayer rewinds without rebasing timestamps; here each loop goes on where
the last one ended.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from loadtest.recording import EncodedPacket, Recording
from services.runtime.bus import now_us

CLOCK_RATES = {"video": 90_000, "audio": 48_000}
"""RTP clock rates of VP8 and H.264 (RFC 7741, RFC 6184) and Opus (RFC 7587)."""

KEPT_SENDS = 300
"""Packets whose time of sending is remembered: 10 s of video."""


class Pacer:
    """One clock for the tracks of a client, so that sound and picture stay together."""

    def __init__(self) -> None:
        self._start: float | None = None

    def start(self) -> float:
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        return self._start

    async def until(self, media_s: float) -> float:
        """Returns how late it is, in seconds: the loop was busy when the time came."""
        loop = asyncio.get_running_loop()
        due = self.start() + media_s
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        return max(0.0, loop.time() - due)


class PacketTrack(MediaStreamTrack):
    """One kind of a recording's packets; ends after `duration_s` of media, looping as needed."""

    def __init__(
        self, kind: str, recording: Recording, pacer: Pacer, duration_s: float | None
    ) -> None:
        super().__init__()
        self.kind = kind
        self._packets = recording.video if kind == "video" else recording.audio
        self._length_s = recording.duration_s
        self._duration_s = recording.duration_s if duration_s is None else duration_s
        self._pacer = pacer
        self._next = 0
        self._loops = 0
        self.sent = 0
        self.late_s = 0.0
        """The most that a packet was late since `take_late_s`: this machine, not the network."""
        self.sent_at: OrderedDict[int, int] = OrderedDict()
        """Unix microseconds at which the packet with this place in the recording went out last."""
        self.done = asyncio.Event()

    async def recv(self) -> av.Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        place = self._next % len(self._packets)
        packet, media_s = self._take()
        if media_s > self._duration_s:
            self.stop()
            raise MediaStreamError
        self.late_s = max(self.late_s, await self._pacer.until(media_s))
        made = av.Packet(packet.data)
        rate = CLOCK_RATES[self.kind]
        made.pts = made.dts = round(media_s * rate)
        made.time_base = Fraction(1, rate)
        made.is_keyframe = packet.key
        made.opaque = packet.upper
        self.sent += 1
        self._remember(place)
        return made

    def take_late_s(self) -> float:
        late_s, self.late_s = self.late_s, 0.0
        return late_s

    def _remember(self, place: int) -> None:
        self.sent_at[place] = now_us()
        self.sent_at.move_to_end(place)
        if len(self.sent_at) > KEPT_SENDS:
            self.sent_at.popitem(last=False)

    def stop(self) -> None:
        super().stop()
        self.done.set()

    def _take(self) -> tuple[EncodedPacket, float]:
        if self._next == len(self._packets):
            self._next = 0
            self._loops += 1
        packet = self._packets[self._next]
        self._next += 1
        return packet, self._loops * self._length_s + packet.time_s
