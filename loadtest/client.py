"""A candidate by program: makes a session, joins over WHIP, hears the hints, gets the report."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from loadtest.recording import Recording
from loadtest.whip import ClientError, Network, WhipConnection, checked
from services.runtime import tasks

__all__ = ["Client", "ClientError", "HeardHint"]

REQUEST_TIMEOUT_S = 20.0
REPORT_TIMEOUT_S = 30.0
REPORT_POLL_S = 0.25
END_TIMEOUT_S = 3.0
"""For a session that failed: an endpoint that is away must not hold up the run's end."""

ANALYSES = ("picture", "sound", "caption", "hint")
"""Messages that rest on an analyzer's signal."""


@dataclass(frozen=True)
class HeardHint:
    """A hint with its latency by this machine's clock."""

    message: dict[str, Any]
    arrived_us: int
    via: str
    """channel or events."""

    @property
    def glass_to_hint_ms(self) -> float:
        """From the moment that the trigger's window was full."""
        return (self.arrived_us - int(self.message["capture_us"])) / 1000


OnHint = Callable[[HeardHint], None]


class Client:
    """One session of a Greenroom at `url`. Use ``async with Client.create(...)``."""

    def __init__(self, http: httpx.AsyncClient, created: dict[str, Any]) -> None:
        self._http = http
        self.created = created
        self.session_id: str = created["session_id"]
        self.headers = {"Authorization": f"Bearer {created['token']}"}
        self.hints: list[HeardHint] = []
        self.connection: WhipConnection | None = None
        self.first_analysis_s: float | None = None
        """Monotonic, when the gateway first passed on what an analyzer said."""
        self.analysed = asyncio.Event()
        """Set from then on."""
        self._ended = False
        self._on_hint: OnHint | None = None
        self._telling: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def create(
        cls, url: str, body: dict[str, Any], on_hint: OnHint | None = None
    ) -> AsyncIterator[Client]:
        """A session; nothing is sent yet. It is ended at the latest when it is left: else it would
        keep its place and its analyzers for many minutes. Raises ClientError."""
        async with httpx.AsyncClient(base_url=url, timeout=REQUEST_TIMEOUT_S) as http:
            answer = await checked(http.post("/api/sessions", json=body), HTTPStatus.CREATED)
            client = cls(http, answer.json())
            client._on_hint = on_hint
            events = asyncio.create_task(client._listen())
            try:
                yield client
            finally:
                await tasks.end([events, *client._telling])
                try:
                    await client._end_anyway()
                finally:
                    await client.leave()

    async def join(
        self, recording: Recording, duration_s: float | None = None, network: Network | None = None
    ) -> None:
        """Send the recording over WHIP; returns when the connection stands. Raises ClientError."""
        self.connection = WhipConnection(
            self._http,
            self.created["whip_url"],
            self.headers,
            network,
            lambda text: self._heard(json.loads(text), "channel"),
        )
        await self.connection.join(recording, duration_s)

    @property
    def join_s(self) -> float:
        return self.connection.join_s if self.connection else 0.0

    async def until_sent(self) -> None:
        """Until every track has sent what it had."""
        if self.connection:
            await self.connection.until_sent()

    async def ask(self, question_id: str, attempt: int = 0) -> None:
        await self.post("question", {"question_id": question_id, "attempt": attempt})

    async def end(self) -> None:
        if self._telling:
            await asyncio.wait(self._telling)
        await self.post("end", {"reason": "candidate"})
        self._ended = True

    async def _end_anyway(self) -> None:
        if not self._ended:
            with contextlib.suppress(ClientError, TimeoutError):  # it, or the gateway, may be gone
                async with asyncio.timeout(END_TIMEOUT_S):
                    await self.end()

    async def post(self, what: str, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"/api/sessions/{self.session_id}/{what}"
        return await checked(
            self._http.post(path, json=body or {}, headers=self.headers), HTTPStatus.NO_CONTENT
        )

    async def report(self) -> tuple[dict[str, Any], str, str]:
        """(report, its JSON as stored, HTML), as soon as it is written. Raises ClientError."""
        path = f"/api/sessions/{self.session_id}/report"
        deadline = time.monotonic() + REPORT_TIMEOUT_S
        while True:
            answer = await self._http.get(path, headers=self.headers)
            if answer.status_code == HTTPStatus.OK:
                break
            if time.monotonic() > deadline:
                raise ClientError(
                    f"no report after {REPORT_TIMEOUT_S:.0f} s: {answer.status_code} {answer.text}"
                )
            await asyncio.sleep(REPORT_POLL_S)
        html = await checked(
            self._http.get(path, params={"format": "html"}, headers=self.headers), HTTPStatus.OK
        )
        return answer.json(), answer.text, html.text

    async def leave(self) -> None:
        """End the connection, not the session."""
        if self.connection:
            await self.connection.leave()

    async def drop(self) -> None:
        """Lose the connection without a word, as a broken network does."""
        if self.connection:
            await self.connection.drop()

    async def _listen(self) -> None:
        """Server-sent events, again when the gateway was away."""
        while True:
            try:
                async with self._http.stream(
                    "GET", self.created["events_url"], headers=self.headers, timeout=None
                ) as stream:
                    if stream.status_code != HTTPStatus.OK:
                        return
                    async for line in stream.aiter_lines():
                        if line.startswith("data:"):
                            self._heard(json.loads(line.removeprefix("data:")), "events")
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5)

    def _heard(self, message: dict[str, Any], via: str) -> None:
        if self.first_analysis_s is None and message["type"] in ANALYSES:
            self.first_analysis_s = time.monotonic()
            self.analysed.set()
        if message["type"] != "hint":
            return
        if any(hint.message["id"] == message["id"] for hint in self.hints):
            return  # it came both ways
        hint = HeardHint(message, time.time_ns() // 1000, via)
        self.hints.append(hint)
        if self._on_hint:
            self._on_hint(hint)
        telling = asyncio.create_task(self._tell_shown(hint))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell_shown(self, hint: HeardHint) -> None:
        """As the page does: the report lists the hints that were shown."""
        latency_ms = (time.time_ns() // 1000 - hint.arrived_us) / 1000
        with contextlib.suppress(ClientError):  # it may come at the session's end
            await self.post(f"hints/{hint.message['id']}/shown", {"latency_ms": latency_ms})
