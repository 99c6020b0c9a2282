"""What became of a session's media, told on the bus by whoever counts it."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.signals_pb2 import Accounting, Signal, Trace

from services.runtime.bus import Bus, now_us

ACCOUNTING_S = 1.0
"""How often an account is told anew. Each is of all since the lease began: one may be lost."""


class Accounts:
    """One session's and kind's, under one lease, each numbered."""

    def __init__(
        self,
        bus: Bus,
        kind: Kind.ValueType,
        session_id: str,
        worker: str,
        lease: int,
        accounting: Callable[[], Accounting],
    ) -> None:
        self._bus = bus
        self._kind = kind
        self._session_id = session_id
        self._worker = worker
        self._lease = lease
        self._accounting = accounting
        self._next = 0

    async def publish(self, *, final: bool) -> None:
        """final: the kind is done with the session."""
        accounting = self._accounting()
        accounting.final = final
        accounting.lease = self._lease
        # Counted before it goes out: one that is broken off may be stored all the same, and the
        # next must not pass for it.
        sequence = self._next
        self._next += 1
        now = now_us()
        await self._bus.publish_signal(
            Signal(
                header=Header(session_id=self._session_id, sequence=sequence, capture_time_us=now),
                kind=self._kind,
                start_us=now,
                end_us=now,
                confidence=1.0,
                trace=Trace(emitted_us=now, worker=self._worker),
                accounting=accounting,
            )
        )
