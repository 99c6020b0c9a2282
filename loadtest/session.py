"""One session of a load test: a candidate who joins, answers and leaves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import nats.errors
from aiortc.exceptions import InvalidStateError

from loadtest.client import REQUEST_TIMEOUT_S, Client, HeardHint
from loadtest.expected import Expectation
from loadtest.recording import Recording
from loadtest.result import MISSING, SessionResult
from loadtest.stages import BusTap, SessionProbe, Stages
from loadtest.whip import ClientError, Network, RefusedError, WhipConnection
from services.runtime import tasks

QUESTION_S = 60.0
"""A new question this often: hints are bounded for each answer."""

SETUP_S = 3.0
"""How long the first question waits for the first word of an analyzer."""

STATS_S = 1.0
BODY: dict[str, Any] = {"role": "software engineer", "question_count": 1}


@dataclass(frozen=True)
class Target:
    """Where sessions go: a Greenroom's base URL, or any WHIP endpoint with its token."""

    url: str = ""
    whip: str = ""
    token: str = ""

    @property
    def name(self) -> str:
        return self.whip or self.url


@dataclass
class LoadSession:
    """What one session is and what became of it."""

    target: Target
    recording: Recording
    network: Network
    stages: Stages
    tap: BusTap | None = None
    expectation: Expectation | None = None
    result: SessionResult = field(init=False)
    connected: bool = field(init=False, default=False)
    probe: SessionProbe | None = field(init=False, default=None)
    _sent_s: float = field(init=False, default=0.0)
    """When the recording began to be sent."""
    _asked_s: float = field(init=False, default=0.0)
    _ended_s: float = field(init=False, default=0.0)
    _heard: list[tuple[str, float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.result = SessionResult(recording=self.recording.name, outcome="failed")

    async def run(self, until: Callable[[], bool], seconds: float) -> None:
        """Joins, sends `seconds` of media or until `until` says so, gets the report.

        Never raises for what the endpoint or its bus does: the result says it.
        """
        try:
            if self.target.whip:
                await self._plain(until, seconds)
            else:
                await self._interview(until, seconds)
            self.result.outcome = "completed"
        except RefusedError as error:
            self.result.outcome, self.result.error = "refused", str(error)
        except (
            ClientError,
            httpx.HTTPError,
            nats.errors.Error,
            ConnectionError,
            InvalidStateError,
        ) as error:
            self.result.error = str(error) or repr(error)
        finally:
            self.connected = False

    async def _plain(self, until: Callable[[], bool], seconds: float) -> None:
        headers = {"Authorization": f"Bearer {self.target.token}"} if self.target.token else {}
        async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S) as http:
            connection = WhipConnection(http, self.target.whip, headers, self.network)
            try:
                await connection.join(self.recording, seconds)
                await self._send(connection, until)
            finally:
                await connection.leave()

    async def _interview(self, until: Callable[[], bool], seconds: float) -> None:
        consent = {
            "camera": bool(self.recording.video),
            "microphone": bool(self.recording.audio),
            "training": True,  # a recording's session may be captured (loadtest/record.py)
        }
        body = BODY | {"consent": consent}
        async with (
            Client.create(self.target.url, body, self._hint) as client,
            self._listening(client.session_id),
        ):
            self.result.session_id = client.session_id
            started = time.monotonic()
            await client.join(self.recording, seconds, self.network)
            self._sent_s = time.monotonic()
            assert client.connection is not None
            if self.probe and self.recording.burnt:
                self.probe.watch_burnt(client.connection.tracks)
            asking = asyncio.create_task(self._ask(client))
            try:
                await self._send(client.connection, until)
                if asking.done():
                    asking.result()  # it ends only by an error
            finally:
                await tasks.end([asking])
                self._ended_s = time.monotonic()
                self._first_signal(client, started)
            await client.end()
            self.result.report = MISSING
            report, _, _ = await client.report()
            self._read(report, client)

    @asynccontextmanager
    async def _listening(self, session_id: str) -> AsyncIterator[None]:
        if self.tap is None:
            yield
            return
        self.probe = await self.tap.listen(session_id)
        self.result.heard = self.probe.heard
        try:
            yield
        finally:
            await self.tap.release(session_id)

    async def _ask(self, client: Client) -> None:
        # A candidate sees their own picture first; the gateway tells of it until the question.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETUP_S):
                await client.analysed.wait()
        self._asked_s = time.monotonic()
        question = client.created["questions"][0]["id"]
        attempt = 0
        while True:
            await client.ask(question, attempt)
            await asyncio.sleep(QUESTION_S)
            attempt += 1

    async def _send(self, connection: WhipConnection, until: Callable[[], bool]) -> None:
        self.result.join_ms = connection.join_s * 1000
        self.connected = True
        sending = asyncio.create_task(connection.until_sent())
        try:
            while not until() and not sending.done():
                await asyncio.wait([sending], timeout=STATS_S)
                await self._stats(connection)
                if connection.state in ("failed", "closed"):
                    raise ClientError(f"the connection was lost: {connection.state}")
        finally:
            await tasks.end([sending])
            self.connected = False

    async def _stats(self, connection: WhipConnection) -> None:
        for kind, sent in (await connection.sent()).items():
            self.result.packets_sent[kind] = sent.packets
            self.result.packets_lost[kind] = sent.lost
            self.result.jitter_ms[kind] = sent.jitter_s * 1000
        late_ms = 1000 * max((track.take_late_s() for track in connection.tracks), default=0.0)
        self.result.late_ms = max(self.result.late_ms, late_ms)
        self.stages.late(late_ms)

    def _hint(self, hint: HeardHint) -> None:
        now = time.monotonic()
        if self.result.first_hint_ms is None:
            self.result.first_hint_ms = (now - self._asked_s) * 1000
        trigger = str(hint.message["trigger"])
        self.result.hints.append(trigger)
        self._heard.append((trigger, now - self._asked_s))
        self.stages.hint(hint)

    def _first_signal(self, client: Client, started: float) -> None:
        """By the bus, or by what the gateway tells a page."""
        first = self.probe.first_signal_s if self.probe else client.first_analysis_s
        if first is not None:
            self.result.first_signal_ms = (first - started) * 1000

    def _read(self, report: dict[str, Any], client: Client) -> None:
        kinds = ["face", "gesture"] if self.recording.video else []
        kinds += ["voice"] if self.recording.audio else []
        self.result.read(report, kinds, len(client.created["questions"]))
        if self.expectation:
            first_pass_s = self._sent_s + self.recording.duration_s - self._asked_s
            length_s = min(self._ended_s - self._asked_s, first_pass_s)
            found = self.expectation.judge(self._heard, length_s)
            self.result.hints_expected, self.result.hints_found = found.expected, found.found
            self.result.hints_judged, self.result.hints_wrong = found.judged, found.wrong
