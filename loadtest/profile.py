"""Networks by name: loss, delay and jitter, seeded, in the client's own transport.

What the client sends passes through a `Link`, which drops and delays datagrams as the
profile says. It needs no root and no kernel module, and with the same seed the same
datagrams are lost. What comes back is only lost, not delayed: the whole round trip's
delay lies on the way up, where the media is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Profile:
    """A network's figures: typical orders of magnitude, not a measurement of one network."""

    name: str
    loss: float
    """Share of datagrams lost in the long run."""
    burst: float
    """Mean length of a run of lost datagrams; 1 is independent loss."""
    delay_s: float
    jitter_s: float
    """Standard deviation of the delay; datagrams may overtake one another."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("perfect", loss=0.0, burst=1.0, delay_s=0.0, jitter_s=0.0),
        Profile("wifi", loss=0.005, burst=1.5, delay_s=0.010, jitter_s=0.003),
        Profile("4g", loss=0.01, burst=2.0, delay_s=0.050, jitter_s=0.010),
        Profile("bad", loss=0.05, burst=3.0, delay_s=0.120, jitter_s=0.030),
    )
}

QUEUE_LIMIT = 2_000
"""Datagrams on their way in a link, 4 s of video; more means that the loop stands still."""


class Losses:
    """Gilbert's model: a good state that loses nothing and a bad one that loses all.

    The chances follow from the profile: runs of mean length `burst`, `loss` over all.
    """

    def __init__(self, loss: float, burst: float, random_: random.Random) -> None:
        self._random = random_
        self._leave_bad = 1 / burst
        self._enter_bad = 0.0 if loss == 0 else self._leave_bad * loss / (1 - loss)
        self._bad = False

    def lost(self) -> bool:
        chance = self._leave_bad if self._bad else self._enter_bad
        if self._random.random() < chance:
            self._bad = not self._bad
        return self._bad


class Link:
    """One direction of one client's network."""

    def __init__(self, profile: Profile, seed: str) -> None:
        """seed: of this client and direction, so that sessions differ and runs do not."""
        random_ = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._profile = profile
        self._random = random_
        self._losses = Losses(profile.loss, profile.burst, random_)
        self._handles: set[asyncio.TimerHandle] = set()
        self._sends: set[asyncio.Task[None]] = set()
        self.passed = 0
        self.lost = 0

    def next_delay_s(self) -> float | None:
        """Of the next datagram; None when it is lost."""
        # Both are drawn each time: the sequence is the same whatever happens.
        lost = self._losses.lost()
        jitter = self._random.gauss(0.0, self._profile.jitter_s)
        if lost:
            self.lost += 1
            return None
        self.passed += 1
        return max(0.0, self._profile.delay_s + jitter)

    def send(self, data: bytes, on: Callable[[bytes], Awaitable[None]]) -> Awaitable[None]:
        """In the place of `on`: at once, later, or never."""
        delay_s = self.next_delay_s()
        if delay_s == 0.0:
            return on(data)
        if delay_s is not None and len(self._handles) < QUEUE_LIMIT:
            loop = asyncio.get_running_loop()
            handle: asyncio.TimerHandle

            def due() -> None:
                self._handles.discard(handle)
                task = loop.create_task(_quietly(on, data))
                self._sends.add(task)
                task.add_done_callback(self._sends.discard)

            handle = loop.call_later(delay_s, due)
            self._handles.add(handle)
        return _nothing()

    def close(self) -> None:
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()


async def _nothing() -> None:
    pass


async def _quietly(on: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
    try:
        await on(data)
    except ConnectionError:
        return  # closed while the datagram was on its way


def impair(transport: Any, up: Link, down: Link) -> None:
    """Put links into an aiortc RTCIceTransport: DTLS, SRTP, SRTCP and SCTP pass through them.

    ICE's own checks do not, so that a profile never decides whether a client joins at all.
    """
    send, receive = transport._send, transport._recv

    def shaped(data: bytes) -> Awaitable[None]:
        return up.send(data, send)

    async def thinned() -> bytes:
        while True:
            data: bytes = await receive()
            if down.next_delay_s() is not None:
                return data

    transport._send, transport._recv = shaped, thinned
