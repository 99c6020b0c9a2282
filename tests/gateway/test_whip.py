"""WHIP as of RFC 9725, by HTTP against a real gateway."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpsender import RTCRtpSender

from tests.gateway.conftest import Gateway, RunGateway, Session

OFFERS = Path(__file__).with_name("offers")


async def offer_of(connection: RTCPeerConnection, *kinds: str) -> str:
    for kind in kinds:
        connection.addTransceiver(kind, "sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


@pytest.fixture
async def connection() -> AsyncIterator[RTCPeerConnection]:
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield made
    await made.close()


def fragment(sdp: str, ufrag: str | None = None) -> str:
    """A trickle-ice-sdpfrag with the candidates of an offer."""
    lines = sdp.splitlines()
    if ufrag is None:
        ufrag = next(line for line in lines if line.startswith("a=ice-ufrag:")).partition(":")[2]
    candidates = [line for line in lines if line.startswith("a=candidate:")]
    return "\r\n".join([f"a=ice-ufrag:{ufrag}", "a=mid:0", *candidates]) + "\r\n"


async def trickle(session: Session, path: str, body: str | bytes, **headers: str) -> httpx.Response:
    return await session.gateway.http.patch(
        path,
        content=body,
        headers=session.headers | {"Content-Type": "application/trickle-ice-sdpfrag"} | headers,
    )


async def test_offer_trickle_delete(gateway: Gateway, connection: RTCPeerConnection) -> None:
    session = await gateway.create()
    sdp = await offer_of(connection, "audio", "video")
    without = "\r\n".join(line for line in sdp.splitlines() if "candidate" not in line) + "\r\n"
    answer = await session.offer(without)
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/sdp"
    location, tag = answer.headers["Location"], answer.headers["ETag"]
    assert location == f"/whip/{session.id}/1"
    assert tag.startswith('"')
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    sent = await trickle(session, location, fragment(sdp), **{"If-Match": tag})
    assert sent.status_code == 204
    await connected(connection)
    state = await gateway.http.get(f"/api/sessions/{session.id}", headers=session.headers)
    assert state.json()["state"] == "connected"
    gone = await gateway.http.delete(location, headers=session.headers)
    assert gone.status_code == 200
    again = await gateway.http.delete(location, headers=session.headers)
    assert again.status_code == 404
    late = await trickle(session, location, fragment(sdp), **{"If-Match": tag})
    assert late.status_code == 404
    state = await gateway.http.get(f"/api/sessions/{session.id}", headers=session.headers)
    assert state.json()["state"] == "disconnected"
    await session.post("end")
    ended = await trickle(session, location, fragment(sdp), **{"If-Match": tag})
    assert ended.status_code == 410
    assert (await session.offer(sdp)).status_code == 410


async def connected(connection: RTCPeerConnection) -> None:
    async with asyncio.timeout(10):
        while connection.connectionState != "connected":
            await asyncio.sleep(0.01)


async def test_a_fresh_offer_replaces_the_connection(
    gateway: Gateway, connection: RTCPeerConnection
) -> None:
    session = await gateway.create()
    sdp = await offer_of(connection, "audio")
    first = await session.offer(sdp)
    second = await session.offer(sdp)
    assert first.status_code == second.status_code == 201
    assert first.headers["Location"] != second.headers["Location"]
    assert first.headers["ETag"] != second.headers["ETag"]
    gone = await gateway.http.delete(first.headers["Location"], headers=session.headers)
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "application/sdp"}, None, 415),
        ({"If-Match": '"ice-7"'}, None, 412),
        ({"If-Match": ""}, None, 412),
        ({}, None, 428),
        ({"If-Match": "*"}, "a=ice-ufrag:other\r\na=ice-pwd:other\r\n", 422),
        ({"If-Match": "*"}, "a=candidate:1 1 UDP\r\n", 400),
        ({"If-Match": "*"}, "a=candidate:x y z x y z typ host\r\n", 400),
        ({"If-Match": "*"}, "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 65, 400),
        ({"If-Match": "*"}, b"\xff\xfe", 400),
        ({"If-Match": "*"}, "", 204),
        ({"If-Match": "*"}, "a=candidate:1 1 udp 1 not-an-address 9 typ host\r\n", 204),
        ({"If-Match": "*"}, "a=end-of-candidates\r\n", 204),
    ],
)
async def test_patches(
    gateway: Gateway,
    connection: RTCPeerConnection,
    headers: dict[str, str],
    body: str | bytes | None,
    status: int,
) -> None:
    session = await gateway.create()
    sdp = await offer_of(connection, "video")
    answer = await session.offer(sdp)
    if body is None:
        body = fragment(sdp)
    got = await trickle(session, answer.headers["Location"], body, **headers)
    assert got.status_code == status, got.text
    if status >= 400:
        assert got.json().keys() == {"error", "what_to_do"}


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "PATCH", "DELETE"])
async def test_what_an_endpoint_does_not_do(gateway: Gateway, method: str) -> None:
    """RFC 9725, 4: 405, and what it does."""
    session = await gateway.create()
    got = await gateway.http.request(method, f"/whip/{session.id}", headers=session.headers)
    assert got.status_code == 405
    assert got.headers["Allow"] == "OPTIONS, POST"
    got = await gateway.http.post(f"/whip/{session.id}/1", headers=session.headers)
    assert got.status_code == 405
    assert got.headers["Allow"] == "DELETE, PATCH"


async def test_options_and_ice_servers(run_gateway: RunGateway) -> None:
    servers = ["stun:stun.example.org", "turn:turn.example.org?transport=udp"]
    settings = {"ice_servers": servers, "ice_username": "u", "ice_credential": "p"}
    async with run_gateway(**settings) as gateway:
        session = await gateway.create()
        got = await gateway.http.options(f"/whip/{session.id}")
        assert got.status_code == 204
        assert got.headers["Accept-Post"] == "application/sdp"
        assert got.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        first, second = got.headers.get_list("Link")
        assert first.startswith(f'<{servers[0]}>; rel="ice-server"')
        assert 'username="u"; credential="p"; credential-type="password"' in second
        assert [server["urls"] for server in session.created["ice_servers"]] == [
            [url] for url in servers
        ]


async def test_what_is_said_of_a_connection_does_not_end_the_one_that_replaced_it(
    gateway: Gateway, connection: RTCPeerConnection
) -> None:
    session = await gateway.create()
    sdp = await offer_of(connection, "video")
    assert (await session.offer(sdp)).status_code == 201
    live = gateway.context.sessions.get(session.id)
    assert live
    first = live.peer
    assert first
    replacing = asyncio.create_task(session.offer(sdp))
    await live._lock.acquire()  # as if that took long
    failed = asyncio.create_task(live.disconnect("failed", first))
    await asyncio.sleep(0)
    live._lock.release()
    assert (await replacing).status_code == 201
    await failed
    await live.disconnect("failed", first)
    assert live.peer is not None
    assert live.peer is not first


# --- offers of browsers


def direction(answer: str, kind: str) -> str:
    section = answer.split(f"m={kind}", 1)[1].split("\r\nm=", 1)[0]
    return next(
        line for line in section.splitlines() if line in ("a=recvonly", "a=inactive", "a=sendrecv")
    )


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_offers_of_browsers(gateway: Gateway, browser: str) -> None:
    """RTX, RED, ULPFEC, foreign codecs and header extensions, bundle-only sections."""
    session = await gateway.create()
    sdp = await asyncio.to_thread((OFFERS / f"{browser}.sdp").read_text)
    answer = await session.offer(sdp.replace("\n", "\r\n"))
    assert answer.status_code == 201, answer.text
    lines = answer.text.splitlines()
    codecs = {line.partition(" ")[2] for line in lines if line.startswith("a=rtpmap:")}
    assert codecs == {"opus/48000/2", "VP8/90000", "H264/90000", "rtx/90000"}
    assert direction(answer.text, "audio") == direction(answer.text, "video") == "a=recvonly"
    payloads = {
        line.removeprefix("a=rtpmap:").partition(" ")[0]
        for line in lines
        if "VP8/" in line or "H264/" in line
    }
    for payload in payloads:
        described = [line for line in lines if line.startswith(f"a=fmtp:{payload} ")]
        assert len(described) == 1
        assert "x-google-start-bitrate=2500" in described[0]
    assert [line for line in lines if line.startswith("a=group:BUNDLE")] == ["a=group:BUNDLE 0 1 2"]


async def test_other_sections_are_inactive(gateway: Gateway) -> None:
    session = await gateway.create()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", "sendonly")
    connection.addTransceiver("audio", "recvonly")
    answer = await session.offer(await offer_of(connection))
    await connection.close()
    assert answer.status_code == 201, answer.text
    assert direction(answer.text, "audio") == "a=inactive"
    live = gateway.context.sessions.get(session.id)
    assert live
    assert live.peer
    assert live.peer.kinds == {"video"}


async def test_h264_packetization_mode_0_alone(gateway: Gateway) -> None:
    """aiortc takes mode 1 alone: refused with a word, and mode 1 beside it is taken."""
    session = await gateway.create()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("video", "sendonly")
    h264 = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.name == "H264"]
    transceiver.setCodecPreferences(h264)
    sdp = await offer_of(connection)
    await connection.close()
    mode0 = await session.offer(sdp.replace("packetization-mode=1", "packetization-mode=0"))
    assert mode0.status_code == 406
    assert "packetization-mode=1" in mode0.json()["what_to_do"]
    assert (await session.offer(sdp)).status_code == 201
