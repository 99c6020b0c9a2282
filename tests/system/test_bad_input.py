"""What nobody should send, sent to the whole system: it says so, or stands it, and goes on."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import nats
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from google.protobuf.message import Message
from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import SessionEvent
from greenroom.v1.signals_pb2 import FaceState, Signal
from nats.aio.client import Client as Nats

from loadtest.client import Client
from services.runtime.bus import ACCOUNTING_SUBJECT, SessionMessage, now_us
from tests.system.conftest import BODY, Greenroom, bus_of, recording, replay
from tests.system.test_replay import DEMO, FACE_SHARE, check_accounting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SECONDS = 6.0
TIMES = 3
NEWER_FIELD = bytes([0xC2, 0x3E, 3]) + b"new"
"""Field 1000 with three bytes, which no message here has."""


class Junk(MediaStreamTrack):
    """Random bytes as if they were encoded media, over real DTLS and SRTP."""

    def __init__(self, kind: str, seed: int) -> None:
        super().__init__()
        self.kind = kind
        self._chance = random.Random(seed)
        self._sent = 0
        self._largest = 6_000 if kind == "video" else 1_000  # sound is never split

    async def recv(self) -> "av.Packet[Any]":
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(0.02)
        self._sent += 1
        packet: av.Packet[Any] = av.Packet(
            self._chance.randbytes(self._chance.choice([1, 2, 40, 900, self._largest]))
        )
        packet.pts = packet.dts = self._sent * 20
        packet.time_base = Fraction(1, 1_000)
        return packet


@contextlib.asynccontextmanager
async def wire(greenroom: Greenroom) -> AsyncIterator[Nats]:
    connection = await nats.connect(greenroom.nats_url)
    yield connection
    await connection.close()


async def test_random_bytes_as_media(greenroom: Greenroom, shared_data: Path) -> None:
    """A session of nothing but noise ends with an honest report, and the one beside it with its
    own."""
    source = await recording(shared_data / DEMO)

    async def noise() -> None:
        async with Client.create(greenroom.url, BODY) as client:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            for seed, kind in enumerate(("audio", "video")):
                connection.addTransceiver(Junk(kind, seed), "sendonly")
            await connection.setLocalDescription(await connection.createOffer())
            async with httpx.AsyncClient(base_url=greenroom.url) as http:
                answer = await http.post(
                    client.created["whip_url"],
                    content=connection.localDescription.sdp,
                    headers=client.headers | {"Content-Type": "application/sdp"},
                )
            assert answer.status_code == 201
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await client.ask(client.created["questions"][0]["id"])
            await asyncio.sleep(SECONDS)
            assert connection.connectionState == "connected", "noise ends no connection"
            await connection.close()
            await client.end()
            report, _, _ = await client.report()
        counts = {c["kind"]: c.get("accounting", {}) for c in report["coverage"]}
        for kind in ("KIND_GATEWAY_VIDEO", "KIND_GATEWAY_AUDIO"):
            dropped = sum(map(int, counts[kind].get("dropped", {}).values()))
            received = int(counts[kind].get("received", 0))
            assert received == int(counts[kind].get("processed", 0)) + dropped, counts[kind]
            assert "pending" not in counts[kind]
        assert int(counts["KIND_GATEWAY_AUDIO"]["received"]) > 100
        assert not any("value" in score for score in report.get("scores", []))

    beside, _ = await asyncio.gather(replay(greenroom, source, duration_s=SECONDS), noise())
    check_accounting(beside, surely=set())
    assert beside.measure("face_in_view")["value"] >= 100 * FACE_SHARE


def newer_messages(session: str) -> dict[str, Message]:
    """By their subjects; of now, so that they are not stale."""
    header = Header(session_id=session, sequence=10**6, capture_time_us=now_us())
    return {
        f"media.{session}.video": VideoFrame(header=header, jpeg=b"no JPEG"),
        f"media.{session}.audio": AudioChunk(header=header, pcm=b"odd", sample_rate=48_000),
        f"signals.{session}.face": Signal(header=header, kind=98),  # type: ignore[arg-type]
        f"signals.{session}.new": Signal(header=header, kind=99, face_state=FaceState()),  # type: ignore[arg-type]
        f"events.{session}": SessionEvent(header=header),
    }


async def until_listening(greenroom: Greenroom, session: str, kind: Kind.ValueType) -> None:
    """Until an analyzer gets the session's media: it does when it accounts for them."""
    listening = asyncio.Event()

    async def heard(message: SessionMessage) -> None:
        if isinstance(message, Signal) and message.kind == kind:
            listening.set()

    async with bus_of(greenroom) as bus:
        subscription = await bus.listen(f"signals.{session}.{ACCOUNTING_SUBJECT}", heard)
        await listening.wait()
        await subscription.unsubscribe()


async def test_messages_of_a_newer_version(greenroom: Greenroom, shared_data: Path) -> None:
    """Unknown fields, unknown kinds, and what is no message at all, on every subject."""
    source = await recording(shared_data / DEMO)

    async def during(client: Client) -> None:
        session = client.session_id
        await until_listening(greenroom, session, Kind.KIND_VOICE)
        async with wire(greenroom) as connection:
            for _ in range(TIMES):
                await asyncio.sleep(0.5)
                for subject, message in newer_messages(session).items():
                    await connection.publish(subject, message.SerializeToString() + NEWER_FIELD)
                    await connection.publish(subject, b"\xff\x00 no message")
                    await connection.publish(subject, b"")
            await connection.flush()

    got = await replay(greenroom, source, duration_s=SECONDS, during=during)
    check_accounting(got)
    assert got.measure("face_in_view")["value"] >= 100 * FACE_SHARE
    assert got.words
    voice = got.accounting("KIND_VOICE")["accounting"]
    assert 1 <= int(voice["dropped"]["undecodable"]) <= TIMES
    assert int(voice["dropped"]["stale"]) >= TIMES, "an empty message is from 1970"
    again = await replay(greenroom, source, duration_s=SECONDS)
    check_accounting(again)
    assert again.words
