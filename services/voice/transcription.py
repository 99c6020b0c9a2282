"""Transcribing beside the stream: one thread a process, with a short queue.

A pass of the transcriber takes longer than a chunk. Done in line it would
hold up voice activity and pitch, and make the sound behind it stale; so it runs
in a thread of its own, and the analyzer collects what is done.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Protocol

from services.runtime import scheduling
from services.voice.hearing import Hearing

MAX_WAITING = 8
"""Utterances that may wait, of all the process's sessions: about 2 s of work. What comes
on top is refused, and the analyzer tells so."""

MAX_WAITING_PARTIALS = 5
"""Unfinished utterances among them: a session has one at most, and one that is refused waits
for its next turn, half a second later. The rest of the places is for whole utterances."""

Work = Callable[[], Hearing]


class Transcription(Protocol):
    """Where transcriptions are done."""

    def submit(self, work: Work, *, partial: bool) -> Future[Hearing] | None:
        """None: too much is waiting."""
        ...


class Background:
    """A thread, and a bounded queue before it. Safe to use from several threads."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "transcription", scheduling.be_patient)
        self._lock = threading.Lock()
        self._waiting = 0

    def submit(self, work: Work, *, partial: bool) -> Future[Hearing] | None:
        with self._lock:
            if self._waiting >= (MAX_WAITING_PARTIALS if partial else MAX_WAITING):
                return None
            self._waiting += 1
        future = self._executor.submit(work)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Hearing]) -> None:
        with self._lock:
            self._waiting -= 1


class Inline:
    """Done at once, in the caller's thread: the same on every run, for files and measurements."""

    def __init__(self, *, partials: bool = False) -> None:
        """With ``partials`` as live, by a machine that is never behind; else only what is
        whole."""
        self._partials = partials

    def submit(self, work: Work, *, partial: bool) -> Future[Hearing] | None:
        if partial and not self._partials:
            return None
        future: Future[Hearing] = Future()
        future.set_result(work())
        return future


@cache
def background() -> Background:
    """The process's own."""
    return Background()
