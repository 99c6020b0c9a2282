"""A candidate by program: makes a session, joins over WHIP, hears the hints, gets the report."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from loadtest.recording import Recording
from loadtest.tracks import Pacer, PacketTrack
from services.runtime import tasks

REQUEST_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 15.0
REPORT_TIMEOUT_S = 30.0
REPORT_POLL_S = 0.25


class ClientError(RuntimeError):
    """The endpoint refused, or did not answer in time; says what it said."""


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
    """One session of a Greenroom at `url`. Use ``async with Client.join(...)``."""

    def __init__(self, http: httpx.AsyncClient, created: dict[str, Any]) -> None:
        self._http = http
        self.created = created
        self.session_id: str = created["session_id"]
        self.headers = {"Authorization": f"Bearer {created['token']}"}
        self.hints: list[HeardHint] = []
        self.captions: list[dict[str, Any]] = []
        self.join_s = 0.0
        self.tracks: list[PacketTrack] = []
        self._connection: RTCPeerConnection | None = None
        self._resource = ""
        self._on_hint: OnHint | None = None

    @classmethod
    @asynccontextmanager
    async def create(
        cls, url: str, body: dict[str, Any], on_hint: OnHint | None = None
    ) -> AsyncIterator[Client]:
        """A session; nothing is sent yet. Raises ClientError."""
        async with httpx.AsyncClient(base_url=url, timeout=REQUEST_TIMEOUT_S) as http:
            answer = await _checked(http.post("/api/sessions", json=body), HTTPStatus.CREATED)
            client = cls(http, answer.json())
            client._on_hint = on_hint
            events = asyncio.create_task(client._listen())
            try:
                yield client
            finally:
                await tasks.end([events])
                await client.leave()

    async def join(self, recording: Recording, duration_s: float | None = None) -> None:
        """Send the recording over WHIP; returns when the connection stands."""
        started = time.monotonic()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection = connection
        pacer = Pacer()
        for kind, packets in (("audio", recording.audio), ("video", recording.video)):
            if not packets:
                continue
            track = PacketTrack(kind, recording, pacer, duration_s)
            self.tracks.append(track)
            transceiver = connection.addTransceiver(track, "sendonly")
            wanted = "audio/opus" if kind == "audio" else "video/VP8"
            codecs = RTCRtpSender.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType == wanted])
        channel = connection.createDataChannel("hints")
        channel.on("message", lambda text: self._heard(json.loads(text), "channel"))
        await connection.setLocalDescription(await connection.createOffer())
        answer = await _checked(
            self._http.post(
                self.created["whip_url"],
                content=connection.localDescription.sdp,
                headers=self.headers | {"Content-Type": "application/sdp"},
            ),
            HTTPStatus.CREATED,
        )
        self._resource = answer.headers["Location"]
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await self._until_connected(connection)
        self.join_s = time.monotonic() - started

    async def _until_connected(self, connection: RTCPeerConnection) -> None:
        connected = asyncio.Event()

        def changed() -> None:
            if connection.connectionState in ("connected", "failed", "closed"):
                connected.set()

        connection.on("connectionstatechange", changed)
        changed()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connected.wait()
        except TimeoutError as error:
            raise ClientError(
                f"no connection within {CONNECT_TIMEOUT_S:.0f} s: is UDP open between here "
                "and the gateway, or a TURN server set?"
            ) from error
        if connection.connectionState != "connected":
            raise ClientError(f"the connection is {connection.connectionState}")

    async def until_sent(self) -> None:
        """Until every track has sent what it had."""
        await asyncio.gather(*(track.done.wait() for track in self.tracks))

    async def ask(self, question_id: str, attempt: int = 0) -> None:
        await self.post("question", {"question_id": question_id, "attempt": attempt})

    async def end(self) -> None:
        await self.post("end", {"reason": "candidate"})

    async def post(self, what: str, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"/api/sessions/{self.session_id}/{what}"
        return await _checked(
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
        html = await _checked(
            self._http.get(path, params={"format": "html"}, headers=self.headers), HTTPStatus.OK
        )
        return answer.json(), answer.text, html.text

    async def leave(self) -> None:
        """End the connection, not the session."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        await connection.close()
        if self._resource:
            await self._http.delete(self._resource, headers=self.headers)

    async def drop(self) -> None:
        """Lose the connection without a word, as a broken network does."""
        if self._connection:
            await self._connection.close()
            self._connection = None
        for track in self.tracks:
            track.stop()
        self.tracks.clear()

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
        if message["type"] == "caption":
            self.captions.append(message)
        if message["type"] != "hint":
            return
        if any(hint.message["id"] == message["id"] for hint in self.hints):
            return  # it came both ways
        hint = HeardHint(message, time.time_ns() // 1000, via)
        self.hints.append(hint)
        if self._on_hint:
            self._on_hint(hint)


async def _checked(request: Any, expected: HTTPStatus) -> httpx.Response:
    try:
        answer: httpx.Response = await request
    except httpx.HTTPError as error:
        raise ClientError(f"the endpoint does not answer: {error!r}") from error
    if answer.status_code != expected:
        raise ClientError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
    return answer
