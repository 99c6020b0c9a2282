"""Accounting of media, and a bounded ring whose every item is accounted for."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Generic, TypeVar

from greenroom.v1.signals_pb2 import Accounting

from services.runtime import telemetry

Item = TypeVar("Item")


class Ledger:
    """What became of each item: ``received = processed + dropped + pending``, always.

    An item is pending from `receive` until `processed` or `drop`. Thread-safe.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._counted = telemetry.ITEMS.labels(kind, "processed", "")
        self._lock = threading.Lock()
        self._received = 0
        self._processed = 0
        self._dropped: Counter[str] = Counter()

    def receive(self) -> None:
        with self._lock:
            self._received += 1

    def processed(self) -> None:
        with self._lock:
            self._processed += 1
        self._counted.inc()

    def drop(self, reason: str) -> None:
        with self._lock:
            self._dropped[reason] += 1
        telemetry.ITEMS.labels(self._kind, "dropped", reason).inc()

    def accounting(self) -> Accounting:
        """A consistent snapshot."""
        with self._lock:
            done = self._processed + self._dropped.total()
            return Accounting(
                received=self._received,
                processed=self._processed,
                dropped=self._dropped,
                pending=self._received - done,
            )


class Ring(Ledger, Generic[Item]):
    """Holds the newest `capacity` items; an older one makes room and is counted.

    With capacity 1 it is a latest-frame slot. For one producer and one consumer thread.
    """

    def __init__(self, capacity: int, kind: str, overflow: str) -> None:
        super().__init__(kind)
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._overflow = overflow

    def put(self, item: Item) -> None:
        self.receive()
        with self._lock:
            full = len(self._items) == self._capacity
            if full:
                self._items.popleft()
            self._items.append(item)
        if full:
            self.drop(self._overflow)

    def take(self) -> Item | None:
        """The oldest item held; the caller says what becomes of it."""
        with self._lock:
            return self._items.popleft() if self._items else None

    def clear(self, reason: str) -> None:
        """Drop all that is still held."""
        while self.take() is not None:
            self.drop(reason)

    def __len__(self) -> int:
        return len(self._items)
