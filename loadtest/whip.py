"""One WebRTC connection over WHIP (RFC 9725), to any endpoint that speaks it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import httpx
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCOutboundRtpStreamStats,
    RTCPeerConnection,
    RTCRemoteInboundRtpStreamStats,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from loadtest.layers import LayeredVp8Encoder
from loadtest.profile import PROFILES, Link, Profile, impair
from loadtest.recording import Recording
from loadtest.tracks import CLOCK_RATES, Pacer, PacketTrack

CONNECT_TIMEOUT_S = 15.0
REFUSAL_LENGTH = 500
"""Characters of an endpoint's answer that an error repeats."""


class ClientError(RuntimeError):
    """The endpoint refused, or did not answer in time; says what it said."""


class RefusedError(ClientError):
    """The endpoint has no place at the moment (503): admission works as it should."""


@dataclass(frozen=True)
class Network:
    """How a client reaches the endpoint."""

    profile: Profile = PROFILES["perfect"]
    seed: str = "0"
    ice_servers: list[RTCIceServer] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """What a kind's sender knows: its own counts, and the receiver's RTCP reports."""

    packets: int
    lost: int
    """By the receiver's last report; retransmissions may have filled in."""
    jitter_s: float


class WhipConnection:
    """A recording on its way to an endpoint. `leave` or `drop` ends it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        headers: dict[str, str],
        network: Network | None = None,
        on_message: Callable[[str], None] = lambda _: None,
    ) -> None:
        """on_message: gets what the other side says on the data channel `hints`."""
        self._http = http
        self._url = url
        self._headers = headers
        self._network = network or Network()
        self._on_message = on_message
        self._connection: RTCPeerConnection | None = None
        self._resource = ""
        self.tracks: list[PacketTrack] = []
        self.join_s = 0.0
        self.up = Link(self._network.profile, f"{self._network.seed}-up")
        self.down = Link(self._network.profile, f"{self._network.seed}-down")

    async def join(self, recording: Recording, duration_s: float | None = None) -> None:
        """Send the recording; returns when the connection stands. Raises ClientError."""
        started = time.monotonic()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=self._network.ice_servers))
        self._connection = connection
        pacer = Pacer()
        for kind, packets in (("audio", recording.audio), ("video", recording.video)):
            if not packets:
                continue
            track = PacketTrack(kind, recording, pacer, duration_s)
            self.tracks.append(track)
            transceiver = connection.addTransceiver(track, "sendonly")
            wanted = "audio/opus" if kind == "audio" else f"video/{recording.codec}"
            codecs = RTCRtpSender.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType == wanted])
            if kind == "video" and recording.layered:
                # aiortc makes its own on the first frame, where there is none.
                setattr(transceiver.sender, "_RTCRtpSender__encoder", LayeredVp8Encoder())  # noqa: B010 - mangled
        channel = connection.createDataChannel("hints")
        channel.on("message", self._on_message)
        await connection.setLocalDescription(await connection.createOffer())
        self._impair(connection)
        answer = await checked(
            self._http.post(
                self._url,
                content=connection.localDescription.sdp,
                headers=self._headers | {"Content-Type": "application/sdp"},
                follow_redirects=True,  # RFC 9725, 4.5; the token stays within its origin
            ),
            HTTPStatus.CREATED,
        )
        if location := answer.headers.get("Location"):
            self._resource = urljoin(str(answer.request.url), location)
        if "Authorization" not in answer.request.headers:  # nor does it go there to leave
            self._headers = {}
        try:
            description = RTCSessionDescription(answer.text, "answer")
            await connection.setRemoteDescription(description)
        except (ValueError, InvalidAccessError, InvalidStateError, OperationError) as error:
            raise ClientError(
                f"{self._url}: its answer can't be used ({error}); does the endpoint take "
                f"{recording.codec} and Opus?"
            ) from error
        await self._until_connected(connection)
        self.join_s = time.monotonic() - started

    def _impair(self, connection: RTCPeerConnection) -> None:
        if self._network.profile.name == "perfect":
            return
        transports = {t.sender.transport.transport for t in connection.getTransceivers()}
        if connection.sctp:
            transports.add(connection.sctp.transport.transport)
        for transport in transports:
            impair(transport, self.up, self.down)

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
            raise ClientError(
                f"the connection is {connection.connectionState}: no pair of addresses answers; "
                "is UDP open between here and the gateway, or a TURN server set?"
            )

    @property
    def state(self) -> str:
        return self._connection.connectionState if self._connection else "closed"

    async def sent(self) -> dict[str, Sent]:
        """By kind, audio and video; empty when the connection is gone."""
        if self._connection is None:
            return {}
        report = (await self._connection.getStats()).values()
        heard = {s.kind: s for s in report if isinstance(s, RTCRemoteInboundRtpStreamStats)}
        result = {}
        for own in report:
            if not isinstance(own, RTCOutboundRtpStreamStats):
                continue
            remote = heard.get(own.kind)
            result[own.kind] = Sent(
                own.packetsSent,
                max(0, remote.packetsLost) if remote else 0,
                remote.jitter / CLOCK_RATES[own.kind] if remote else 0.0,
            )
        return result

    async def until_sent(self) -> None:
        """Until every track has sent what it had."""
        await asyncio.gather(*(track.done.wait() for track in self.tracks))

    async def leave(self) -> None:
        """End the connection as WHIP asks for it."""
        if self._connection is None:
            return
        await self.drop()
        if self._resource:
            with contextlib.suppress(httpx.HTTPError):  # the endpoint may be gone already
                await self._http.delete(self._resource, headers=self._headers)

    async def drop(self) -> None:
        """Lose the connection without a word, as a broken network does."""
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()
        self.up.close()
        for track in self.tracks:
            track.stop()


async def checked(request: Awaitable[Any], expected: HTTPStatus) -> httpx.Response:
    """The answer, if its status is the expected one. Raises RefusedError or ClientError."""
    try:
        answer: httpx.Response = await request
    except httpx.InvalidURL as error:
        raise ClientError(f"the endpoint's address is no URL: {error}") from error
    except httpx.RequestError as error:
        url = error.request.url
        raise ClientError(
            f"{url.scheme}://{url.netloc.decode()} does not answer: {error!r}"
        ) from error
    if answer.status_code != expected:
        kind = RefusedError if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else ClientError
        raise kind(
            f"{answer.request.url.path}: {answer.status_code} {answer.text[:REFUSAL_LENGTH]}"
        )
    return answer
