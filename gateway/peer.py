"""One WebRTC connection of a session: aiortc for the protocols, our own path for the media."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

from gateway import sdp
from gateway.assembly import READERS, PacketReader, VideoAssembler
from gateway.audio import AudioReceiver, Chunker
from gateway.capture_clock import CaptureClock, SenderClock
from gateway.opus import PACKET_SAMPLES
from gateway.settings import GatewaySettings
from gateway.video import JpegEncoder, Sampler, VideoReceiver
from services.runtime.bus import now_us
from services.runtime.ledger import Ledger
from services.runtime.media import MICROSECONDS, SAMPLE_RATE

log = structlog.get_logger(__name__)

VIDEO_RATE, AUDIO_RATE = 90_000, 48_000
PACKET_US = PACKET_SAMPLES * MICROSECONDS // SAMPLE_RATE
"""RTP clock rates of VP8 and H.264 (RFC 7741, RFC 6184) and of Opus (RFC 7587)."""

DATA_CHANNEL_LIMIT = 1_000
"""Bytes: aiortc's SCTP chunks of 1,200 stall on paths with an MTU of 1,280."""

DATA_CHANNEL_BUFFER = 16_384
"""Past this the channel is stalled, and hints go by server-sent events alone."""


class Assembler(Protocol):
    """What an aiortc receiver asks of its jitter buffer."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]: ...


@dataclass(frozen=True)
class MediaSink:
    """Where a connection's media and its counts go; lives as long as the session."""

    publish_video: Callable[[VideoFrame], None]
    publish_audio: Callable[[AudioChunk], None]
    video: Ledger
    audio: Ledger


class Peer:
    """A connection from its offer to its end.

    on_state: called with aiortc's connection state; on_media with 'audio' and 'video'
    when the first packet of each has come.
    """

    def __init__(
        self,
        session_id: str,
        settings: GatewaySettings,
        executor: ThreadPoolExecutor,
        sink: MediaSink,
        on_state: Callable[[str], None],
    ) -> None:
        self._session_id = session_id
        self._settings = settings
        self._executor = executor
        self._sink = sink
        self._clock = SenderClock()
        self._channel: RTCDataChannel | None = None
        self._video: VideoReceiver | None = None
        self._audio: AudioReceiver | None = None
        self._chunker: Chunker | None = None
        self.kinds: frozenset[str] = frozenset()
        self.last_packet_us = 0
        servers = [
            RTCIceServer(url, settings.ice_username, settings.ice_credential)
            for url in settings.ice_servers
        ]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))

        @self._connection.on("connectionstatechange")
        def changed() -> None:
            on_state(self._connection.connectionState)

        @self._connection.on("datachannel")
        def opened(channel: RTCDataChannel) -> None:
            self._channel = channel

    async def answer(self, offer: str) -> str:
        """The SDP answer. Raises ApiError for an offer that can't be answered."""
        sdp.check_offer(offer)
        description = RTCSessionDescription(offer, "offer")
        try:
            await self._connection.setRemoteDescription(description)
            self._take_receivers()
            answer = await self._connection.createAnswer()
            await self._connection.setLocalDescription(answer)
        except Exception as error:  # aiortc raises many kinds on what its parser let pass
            await self.close()
            raise sdp.unanswerable() from error
        return sdp.amend_answer(self._connection.localDescription.sdp)

    @property
    def ice_ufrag(self) -> str:
        """Of the remote side, which a trickle fragment may name."""
        for line in self._connection.remoteDescription.sdp.splitlines():
            if line.startswith("a=ice-ufrag:"):
                return line.partition(":")[2]
        return ""

    async def trickle(self, fragment: str) -> None:
        """Add the candidates of a trickle-ice-sdpfrag. Raises ApiError."""
        candidates, ufrag = sdp.trickled(fragment)
        if ufrag and ufrag != self.ice_ufrag:
            raise sdp.no_ice_restart()
        for candidate in candidates:
            if candidate.sdpMid is None:
                candidate.sdpMLineIndex = 0
            with contextlib.suppress(ValueError):  # for a section that the answer rejected
                await self._connection.addIceCandidate(candidate)

    def send(self, message: str) -> bool:
        """On the data channel; False when it isn't open, is stalled, or the message too long."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if len(message.encode()) > DATA_CHANNEL_LIMIT:
            return False
        if channel.bufferedAmount > DATA_CHANNEL_BUFFER:
            return False
        channel.send(message)
        return True

    def follow(self, other: Peer) -> None:
        """Go on with the numbers of the connection that this one replaces."""
        if self._video and other._video:
            self._video.sequence = other._video.sequence
        if self._chunker and other._chunker:
            self._chunker.sequence = other._chunker.sequence

    async def close(self) -> None:
        await self._connection.close()
        if self._video:
            await self._video.close()
        if self._audio:
            self._audio.close()

    # --- media

    def _take_receivers(self) -> None:
        """Put our own path in the place of each receiver's jitter buffer and decoder."""
        kinds = set()
        for transceiver in self._connection.getTransceivers():
            kind = transceiver.kind
            if kind in kinds or transceiver.receiver is None:
                continue  # a second camera is not analysed
            kinds.add(kind)
            rate, span_us = (VIDEO_RATE, 0) if kind == "video" else (AUDIO_RATE, PACKET_US)
            clock = CaptureClock(rate, self._clock, span_us)
            codecs = {codec.payloadType: codec.name.lower() for codec in transceiver._codecs}
            assembler = (
                self._video_path(clock, codecs) if kind == "video" else self._audio_path(clock)
            )
            self._hook(transceiver.receiver, assembler, clock)
        self.kinds = frozenset(kinds)

    def _video_path(self, clock: CaptureClock, codecs: dict[int | None, str]) -> Assembler:
        settings = self._settings
        readers: dict[int, PacketReader] = {
            payload: READERS[name]
            for payload, name in codecs.items()
            if payload is not None and name in READERS
        }
        self._video = VideoReceiver(
            self._session_id,
            self._executor,
            self._sink.video,
            clock,
            Sampler(settings.analysis_fps, settings.analysis_fps_floor),
            JpegEncoder(settings.analysis_pixels, settings.jpeg_quality),
            self._sink.publish_video,
            lambda: assembler.need_key(),
        )
        assembler = VideoAssembler(readers, self._video.take)
        return assembler

    def _audio_path(self, clock: CaptureClock) -> Assembler:
        self._chunker = Chunker(self._session_id, self._sink.publish_audio)
        self._audio = AudioReceiver(self._sink.audio, clock, self._chunker)
        return self._audio

    def _hook(self, receiver: RTCRtpReceiver, assembler: Assembler, clock: CaptureClock) -> None:
        """aiortc has no hooks here: its receiver keeps NACK, RTX, REMB and reports, and
        hands every packet to `__jitter_buffer.add`, which now never returns a frame, so
        that neither its decoder thread nor its unbounded queues get anything to do."""
        setattr(receiver, "_RTCRtpReceiver__jitter_buffer", assembler)  # noqa: B010 - mangled
        handle_rtcp = receiver._handle_rtcp_packet
        handle_rtp = receiver._handle_rtp_packet

        async def on_rtcp(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                clock.report(info.rtp_timestamp, info.ntp_timestamp, now_us())
            await handle_rtcp(packet)

        async def on_rtp(packet: RtpPacket, arrival_time_ms: int) -> None:
            self.last_packet_us = now_us()
            await handle_rtp(packet, arrival_time_ms)

        receiver._handle_rtcp_packet = on_rtcp  # type: ignore[method-assign]
        receiver._handle_rtp_packet = on_rtp  # type: ignore[method-assign]
