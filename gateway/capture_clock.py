"""From RTP timestamps to the gateway's wall clock.

RTCP sender reports (RFC 3550, 6.4.1) pair a stream's RTP timestamp with the sender's
NTP clock. Where that clock agrees with ours (same machine, or both kept by NTP) it is
believed, and capture to publish is measured in full. Otherwise the smallest delay seen
stands for a clock offset: what is then missing is the unknowable one-way delay. Until
the first report the arrival times themselves are used in the same way.
"""

from __future__ import annotations

from gateway.circle import RTP_MODULUS, distance
from services.runtime.media import MICROSECONDS

NTP_TO_UNIX_S = 2_208_988_800
"""Seconds between the NTP era (1900) and the Unix era (1970)."""

PLAUSIBLE_DELAY_US = 250_000
"""A report that comes in 0..250 ms after it says it was made: the clocks agree."""

STEP_US = 400_000
"""A clock that moved by more against another was set. Below that its own age is what media may
have (MAX_AGE_US) and the smallest delay learns it within two windows."""

LEAP_US = 5 * MICROSECONDS
"""Timestamps that leave the arrival times by more are counted from a new origin."""

WINDOW_US = 15 * MICROSECONDS
"""Smallest delays are forgotten after one to two windows, so that drift can't add up."""


class WallClock:
    """Tells when this machine's wall clock was set forward: by its distance from the monotonic
    one. (Set back, gateway.clock goes on without a step.)
    """

    def __init__(self) -> None:
        self._ahead_us: int | None = None

    def was_set(self, now_us: int, monotonic_us: int) -> bool:
        """Since it was asked last. Asked about once a second, it takes no drift for a step."""
        ahead_us = now_us - monotonic_us
        before, self._ahead_us = self._ahead_us, ahead_us
        return before is not None and ahead_us - before > STEP_US


class SmallestDelay:
    """The least of the last one to two windows' values."""

    def __init__(self) -> None:
        self._current: int | None = None
        self._previous: int | None = None
        self._since = 0

    def add(self, delay_us: int, now_us: int) -> int:
        if self._current is None or now_us - self._since > WINDOW_US:
            self._previous, self._current, self._since = self._current, delay_us, now_us
        self._current = min(self._current, delay_us)
        return self._current if self._previous is None else min(self._current, self._previous)


class SenderClock:
    """The sender's wall clock against ours, shared by the streams of one connection."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """One of the two clocks was set."""
        self._smallest = SmallestDelay()
        self.offset_us: int | None = None
        """Added to the sender's time it gives ours; None before the first report."""
        self.era = object()
        """Another one each time that all was forgotten."""

    def report(self, sender_us: int, arrival_us: int) -> None:
        delay = arrival_us - sender_us
        smallest = self._smallest.add(delay, arrival_us)
        self.offset_us = 0 if 0 <= smallest <= PLAUSIBLE_DELAY_US else smallest


class CaptureClock:
    """One stream's RTP timestamps as Unix microseconds, never going backwards.

    `span_us` is how long a packet's media lasts: its last sample was captured before it
    was sent. A sender that gives its reports the time of sending would otherwise put
    sound up to a packet into the future.
    """

    def __init__(self, rate: int, sender: SenderClock, span_us: int = 0) -> None:
        self._rate = rate
        self._span_us = span_us
        self._sender = sender
        self._last_rtp: int | None = None
        self._unwrapped = 0
        self._smallest = SmallestDelay()
        self._report: tuple[int, int] | None = None
        """The newest sender report: (unwrapped RTP timestamp, sender's clock)."""
        self._era = sender.era
        self._last_us = 0
        self._last_arrival_us = 0

    def report(self, rtp_timestamp: int, ntp_timestamp: int, arrival_us: int) -> None:
        """A sender report: NTP as 32.32 fixed point (RFC 5905), 0 from who has no such clock
        (RFC 3550, 6.4.1)."""
        if not ntp_timestamp:
            return
        seconds, fraction = ntp_timestamp >> 32, ntp_timestamp & (RTP_MODULUS - 1)
        sender_us = (seconds - NTP_TO_UNIX_S) * MICROSECONDS + (fraction * MICROSECONDS >> 32)
        if self._last_rtp is None:
            self._sender.report(sender_us, arrival_us)
            return
        units = self._unwrapped + self._since_last(rtp_timestamp)
        if self._report is not None:
            media_us = (units - self._report[0]) * MICROSECONDS // self._rate
            if abs(sender_us - self._report[1] - media_us) > STEP_US:
                self._sender.forget()  # its clock was set: its media's own went on
        self._sender.report(sender_us, arrival_us)
        self._report = (units, sender_us)

    def capture_us(self, rtp_timestamp: int, arrival_us: int) -> int:
        """When the sample with this RTP timestamp was captured."""
        latest_us = arrival_us - self._span_us
        if self._last_rtp is not None:
            units = self._since_last(rtp_timestamp)
            self._unwrapped += units
            elapsed_us = arrival_us - self._last_arrival_us
            if (
                self._era is not self._sender.era
                or abs(units * MICROSECONDS // self._rate - elapsed_us) > LEAP_US
            ):
                self._smallest, self._report = SmallestDelay(), None
        self._era = self._sender.era
        self._last_rtp, self._last_arrival_us = rtp_timestamp, arrival_us
        media_us = self._unwrapped * MICROSECONDS // self._rate
        smallest = self._smallest.add(latest_us - media_us, arrival_us)
        if self._report is not None and self._sender.offset_us is not None:
            units, sender_us = self._report
            captured = sender_us + (self._unwrapped - units) * MICROSECONDS // self._rate
            captured += self._sender.offset_us
        else:
            captured = media_us + smallest
        # What has arrived was captured before, whatever the reports say.
        captured = min(captured, latest_us)
        self._last_us = max(captured, self._last_us)
        return self._last_us

    def _since_last(self, rtp_timestamp: int) -> int:
        assert self._last_rtp is not None
        return distance(rtp_timestamp, self._last_rtp, RTP_MODULUS)
