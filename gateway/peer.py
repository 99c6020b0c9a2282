"""One WebRTC connection of a session: aiortc for the protocols, our own path for the media."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    WEBRTC_DCEP,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    tsn_plus_one,
)
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame

from gateway import sdp
from gateway.assembly import VideoAssembler
from gateway.audio import AudioReceiver, Chunker
from gateway.capture_clock import CaptureClock, SenderClock
from gateway.clock import now_us
from gateway.opus import PACKET_SAMPLES
from gateway.payload import READERS, PacketReader
from gateway.receive import Assembler, ReceivePath
from gateway.settings import GatewaySettings
from gateway.video import JpegEncoder, Sampler, VideoReceiver
from services.runtime import tasks
from services.runtime.ledger import Ledger
from services.runtime.media import MICROSECONDS, SAMPLE_RATE

log = structlog.get_logger(__name__)

VIDEO_RATE, AUDIO_RATE = 90_000, 48_000
"""RTP clock rates of VP8 and H.264 (RFC 7741, RFC 6184) and of Opus (RFC 7587)."""

PACKET_US = PACKET_SAMPLES * MICROSECONDS // SAMPLE_RATE

REST_CHECK_S = 0.15
"""How often sound that waits is looked after. With REST_US the last of it is 320 ms old at most
when it goes out, the network's delay aside, of the 500 after which it is of no use."""

MAX_CANDIDATES = 64
"""Of one connection. A browser has a dozen; each costs connectivity checks to its address."""

DATA_CHANNEL_LIMIT = 1_000
"""Bytes: aiortc's SCTP chunks of 1,200 stall on paths with an MTU of 1,280."""

DATA_CHANNEL_BUFFER = 16_384
"""Past this the channel is stalled, and hints go by server-sent events alone."""

MAX_CHANNELS = 8
"""Data channels of one connection. A page opens one; aiortc keeps each."""

MAX_EARLY = 256
"""Chunks of data that are ahead of a missing one: each is sorted and reported anew with every
further one. A report of as many gaps still fits into a datagram."""

WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
"""Flags of a message in one chunk, as what opens a channel is."""


class Discarded:
    """For media that is not analysed: a second camera."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        return False, None


@dataclass(frozen=True)
class MediaSink:
    """Where a connection's media and its counts go; lives as long as the session."""

    publish: Callable[[VideoFrame | AudioChunk], None]
    video: Ledger
    audio: Ledger
    waited: Callable[[int], None]
    """For how many microseconds a frame waited for the decoder; called on its thread."""


def only_openings(sctp: RTCSctpTransport) -> None:
    """Of what comes over SCTP take what opens a data channel: nothing else is read here.

    The rest is acknowledged and forgotten. aiortc would hold messages that are incomplete or
    before their turn, however many, and go through all of them with each further chunk.
    """
    forward = sctp._receive_forward_tsn_chunk

    def opens(chunk: DataChunk) -> bool:
        return (
            chunk.protocol == WEBRTC_DCEP
            and chunk.flags & WHOLE == WHOLE
            and chunk.user_data[:1] == bytes([DATA_CHANNEL_OPEN])
            and chunk.stream_id not in sctp._data_channels
            and len(sctp._data_channels) < MAX_CHANNELS
        )

    async def on_data(chunk: DataChunk) -> None:
        if (last := sctp._last_received_tsn) is None:
            return  # before the association
        sctp._sack_needed = True
        if chunk.tsn != tsn_plus_one(last) and len(sctp._sack_misordered) >= MAX_EARLY:
            return  # not acknowledged: it comes again, after the missing one
        if sctp._mark_received(chunk.tsn):
            return
        if opens(chunk):
            await sctp._receive(chunk.stream_id, chunk.protocol, chunk.user_data)
        await sctp._reset_deferred_streams()

    async def on_forward(chunk: ForwardTsnChunk) -> None:
        chunk.streams = []  # in none of them is anything held, nor has its turn
        await forward(chunk)

    sctp._receive_data_chunk = on_data  # type: ignore[method-assign]
    sctp._receive_forward_tsn_chunk = on_forward  # type: ignore[method-assign]


class Peer:
    """A connection from its offer to its end.

    consented: kinds of media that the candidate agreed to. on_state: gets aiortc's
    connection state.
    """

    def __init__(
        self,
        session_id: str,
        consented: frozenset[str],
        settings: GatewaySettings,
        executor: ThreadPoolExecutor,
        sink: MediaSink,
        on_state: Callable[[str], None],
    ) -> None:
        self._session_id = session_id
        self._consented = consented
        self._settings = settings
        self._executor = executor
        self._sink = sink
        self._clock = SenderClock()
        self._path = ReceivePath()
        self._channel: RTCDataChannel | None = None
        self._video: VideoReceiver | None = None
        self._audio: AudioReceiver | None = None
        self._chunker: Chunker | None = None
        self._resting: asyncio.Task[None] | None = None
        self.kinds: frozenset[str] = frozenset()
        """Of media that the other side sends: audio, video."""
        self.since_us = now_us()
        self._candidates = 0
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
        """The SDP answer. Raises ApiError for an offer that can't be answered.

        Not to be cancelled: aioice forgets the sockets that it has opened until then.
        """
        self._candidates = sdp.check_offer(offer, self._consented, MAX_CANDIDATES)
        description = RTCSessionDescription(offer, "offer")
        try:
            await self._connection.setRemoteDescription(description)
            self._take_receivers()
            if sctp := self._connection.sctp:
                only_openings(sctp)
            answer = await self._connection.createAnswer()
            await self._connection.setLocalDescription(answer)
            self._path.listen(self._dtls_transports())
        except Exception as error:  # aiortc raises many kinds on what its parser let pass
            await self.close()
            log.info("offer not answered", session=self._session_id, error=type(error).__name__)
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
        trickled = sdp.trickled(fragment)
        if trickled.ufrag and trickled.ufrag != self.ice_ufrag:
            raise sdp.no_ice_restart()
        self._candidates += len(trickled.candidates)
        if self._candidates > MAX_CANDIDATES:
            raise sdp.too_many_candidates(MAX_CANDIDATES)
        for candidate in trickled.candidates:
            with contextlib.suppress(ValueError):  # after the last one, or no IP address
                await self._connection.addIceCandidate(candidate)
        if trickled.last:
            await self._connection.addIceCandidate(None)

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

    def clock_was_set(self) -> None:
        """The machine's: the sender's is to be learned anew."""
        self._clock.forget()

    def follow(self, other: Peer) -> None:
        """Go on with the numbers of the connection that this one replaces."""
        if self._video and other._video:
            self._video.sequence = other._video.sequence
        if self._chunker and other._chunker:
            self._chunker.sequence = other._chunker.sequence

    async def close(self) -> None:
        self._path.close()
        try:
            if self._resting:
                await tasks.end([self._resting])
            await self._connection.close()
        finally:
            if self._audio:
                self._audio.close()
            if self._video:
                await self._video.close()

    def _dtls_transports(self) -> Iterable[RTCDtlsTransport]:
        for transceiver in self._connection.getTransceivers():
            yield transceiver.receiver.transport
        if self._connection.sctp:
            yield self._connection.sctp.transport

    # --- media

    def _take_receivers(self) -> None:
        """Put our own path in the place of each receiver's jitter buffer and decoder."""
        kinds = set()
        for transceiver in self._connection.getTransceivers():
            kind = transceiver.kind
            rate, span_us = (VIDEO_RATE, 0) if kind == "video" else (AUDIO_RATE, PACKET_US)
            clock = CaptureClock(rate, self._clock, span_us)
            # The answer offers aiortc's other codecs no more, so that nobody sends them.
            transceiver._codecs = [
                codec
                for codec in transceiver._codecs
                if codec.name.lower() in sdp.SUPPORTED[kind] or is_rtx(codec)
            ]
            assembler: Assembler = Discarded()
            sends = transceiver._offerDirection in ("recvonly", "sendrecv")  # seen from here
            if sends and kind not in kinds:
                kinds.add(kind)
                codecs = {
                    codec.payloadType: codec.name.lower()
                    for codec in transceiver._codecs
                    if codec.payloadType is not None and not is_rtx(codec)
                }
                path = self._video_path if kind == "video" else self._audio_path
                assembler = path(clock, codecs)
            self._hook(transceiver.receiver, assembler, clock)
        self.kinds = frozenset(kinds)

    def _video_path(self, clock: CaptureClock, codecs: dict[int, str]) -> Assembler:
        settings = self._settings
        readers: dict[int, PacketReader] = {
            payload: READERS[name] for payload, name in codecs.items()
        }
        self._video = VideoReceiver(
            self._session_id,
            self._executor,
            self._sink.video,
            clock,
            Sampler(settings.analysis_fps, settings.analysis_fps_floor),
            JpegEncoder(settings.analysis_pixels, settings.jpeg_quality),
            self._sink.publish,
            lambda: assembler.need_key(),
            self._sink.waited,
        )
        assembler = VideoAssembler(readers, self._video.take)
        return assembler

    def _audio_path(self, clock: CaptureClock, codecs: dict[int, str]) -> Assembler:
        self._chunker = Chunker(self._session_id, self._sink.publish)
        self._audio = AudioReceiver(frozenset(codecs), self._sink.audio, clock, self._chunker)
        self._resting = asyncio.create_task(self._look_after(self._audio))
        return self._audio

    async def _look_after(self, audio: AudioReceiver) -> None:
        while True:
            await asyncio.sleep(REST_CHECK_S)
            audio.rest(now_us())

    def _hook(self, receiver: RTCRtpReceiver, assembler: Assembler, clock: CaptureClock) -> None:
        """aiortc's receiver keeps NACK, RTX, REMB and reports; packets and clocks are ours."""
        self._path.hook(receiver, assembler)
        handle_rtcp = receiver._handle_rtcp_packet
        receive = receiver.receive

        async def start(parameters: RTCRtpReceiveParameters) -> None:
            await receive(parameters)
            # The thread ends now; aiortc would join it, on the loop, when the track ends.
            setattr(receiver, "_RTCRtpReceiver__decoder_thread", None)  # noqa: B010
            getattr(receiver, "_RTCRtpReceiver__decoder_queue").put(None)  # noqa: B009

        async def on_rtcp(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                clock.report(info.rtp_timestamp, info.ntp_timestamp, now_us())
            await handle_rtcp(packet)

        receiver.receive = start  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = on_rtcp  # type: ignore[method-assign]
