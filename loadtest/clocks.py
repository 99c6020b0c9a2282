"""Whether this machine's clock and the servers' agree: most latencies end by the one and begin
by the others.

A message on the bus says when its process sent it. The fastest of many took hardly longer than
half a round trip to NATS (as NTP takes it); what its time of arrival here differs by besides is
the clocks' difference. Without the bus the gateway's Date header tells seconds.
"""

from __future__ import annotations

from collections import Counter
from email.utils import parsedate_to_datetime

import httpx

from services.runtime.bus import now_us
from services.runtime.media import MICROSECONDS

AGREE_MS = 10.0
"""Clocks that NTP keeps over a network differ by less; of the tightest budget that both ends
are in (a hint's delivery, 50 ms) it is a fifth."""

ENOUGH = 20
"""Messages of a process before the fastest stands for the way alone: every one may have waited
for a core, but not so many. One that came before it was sent needs no others."""

DATE_STEP_US = 2 * MICROSECONDS
"""A Date header has whole seconds, and servers make a new one only once a second."""

DATE_TIMEOUT_S = 3.0


class Clocks:
    """The fastest message of each process, by this machine's clock."""

    def __init__(self) -> None:
        self.round_trip_us: int | None = None
        """To NATS and back, the fastest."""
        self._fastest_us: dict[str, int] = {}
        self._count = Counter[str]()
        self._dated_us = 0
        """By how much this clock is at least ahead of the gateway's, by its Date header."""

    def went_round(self, took_us: int) -> None:
        """Something to NATS and back."""
        self.round_trip_us = min(took_us, self.round_trip_us or took_us)

    def heard(self, process: str, sent_us: int, arrived_us: int) -> None:
        """A message from the bus."""
        took_us = arrived_us - sent_us
        self._count[process] += 1
        self._fastest_us[process] = min(took_us, self._fastest_us.get(process, took_us))

    async def ask(self, http: httpx.AsyncClient, url: str) -> None:
        """What the server at `url` takes for the time. No answer says nothing here."""
        sent_us = now_us()
        try:
            answer = await http.get(url, timeout=DATE_TIMEOUT_S)
            said = parsedate_to_datetime(answer.headers["Date"])
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError):
            return
        self.dated(round(said.timestamp() * MICROSECONDS), sent_us, now_us())

    def dated(self, said_us: int, sent_us: int, arrived_us: int) -> None:
        """A Date header, and when it was asked for and came here."""
        if said_us > arrived_us:
            self._dated_us = arrived_us - said_us
        elif said_us + DATE_STEP_US < sent_us:
            self._dated_us = sent_us - said_us - DATE_STEP_US

    def ahead_ms(self) -> dict[str, float]:
        """By process: by how much this clock is ahead of its clock, below 0: behind it. Only
        where that is more than AGREE_MS."""
        found = {}
        for process, fastest_us in self._fastest_us.items():
            ahead_us = fastest_us - (self.round_trip_us or 0) / 2
            if fastest_us < 0 or self._count[process] >= ENOUGH:
                found[process] = ahead_us / 1000
        if self._dated_us:
            found.setdefault("the gateway", self._dated_us / 1000)
        return {process: ms for process, ms in found.items() if abs(ms) > AGREE_MS}

    def doubts(self) -> list[str]:
        """In words, for the figures that rest on two clocks."""
        ahead = self.ahead_ms()
        if not ahead:
            return []
        furthest = max(ahead, key=lambda process: abs(ahead[process]))
        ms = ahead[furthest]
        way = "ahead of" if ms > 0 else "behind"
        return [
            f"this machine's clock is {abs(ms):.0f} ms {way} that of {furthest} "
            f"({AGREE_MS:.0f} ms at most): keep both by NTP; latencies of signals and hints end "
            "by this clock and begin by theirs, also with --burn"
        ]
