"""A bounded ring of media whose every item is accounted for."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Generic, TypeVar

from greenroom.v1.signals_pb2 import Accounting

from services.runtime import telemetry

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """Holds the newest `capacity` items; an older one makes room and is counted.

    With capacity 1 it is a latest-frame slot. ``received = processed + dropped +
    pending`` holds at every moment; an item is pending from `put` until `processed`
    or `drop` is called for it. Safe for one producer and one consumer thread.
    """

    def __init__(self, capacity: int, kind: str, overflow: str) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._kind = kind
        self._overflow = overflow
        self._lock = threading.Lock()
        self._received = 0
        self._processed = 0
        self._dropped: Counter[str] = Counter()

    def put(self, item: Item) -> None:
        with self._lock:
            self._received += 1
            if len(self._items) == self._capacity:
                self._items.popleft()
                self._count_drop(self._overflow)
            self._items.append(item)

    def take(self) -> Item | None:
        """The oldest item held; the caller says what becomes of it."""
        with self._lock:
            return self._items.popleft() if self._items else None

    def processed(self) -> None:
        with self._lock:
            self._processed += 1
        telemetry.ITEMS.labels(self._kind, "processed", "").inc()

    def drop(self, reason: str) -> None:
        """For an item that was taken, or that is `received` only to be dropped."""
        with self._lock:
            self._count_drop(reason)

    def clear(self, reason: str) -> None:
        """Drop all that is still held."""
        with self._lock:
            while self._items:
                self._items.popleft()
                self._count_drop(reason)

    def _count_drop(self, reason: str) -> None:
        self._dropped[reason] += 1
        telemetry.ITEMS.labels(self._kind, "dropped", reason).inc()

    def __len__(self) -> int:
        return len(self._items)

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
