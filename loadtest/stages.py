"""Latency by stage, as the bus tells it: capture, publish, worker, signal, hint.

The stages, in milliseconds:

- capture_to_publish_{video,audio}: from the light or the last sample of the chunk to the bus
- bus_{face,gesture,voice}: from the gateway's publishing to the worker's receiving
- {face,gesture,voice}: from the worker's receiving to its signal going out
- glass_to_signal_{face,gesture,voice}: from capture to the signal's arrival here
- transcript: from a word's end to the message that holds it first
- answers: from the transcript's arrival at the worker to the evaluation going out
- fusion: from the signal that completed a trigger's window going out to the decision
- hint_delivery: from the decision to the client; glass_to_hint: from capture to the client,
  of all hints, and glass_to_hint_{sight,sound}: of those whose trigger is of face and hands, or of
  the voice
- packet_late: how late this process was with a packet, the most of each session and second
- burnt_video, burnt_audio: from sending to reading the burnt identity on the bus, by this
  process's clock alone
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from pathlib import Path

import nats
import nats.errors
import numpy as np
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Hint
from greenroom.v1.signals_pb2 import Signal
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from deploy.environment import read
from gateway.capture_clock import PLAUSIBLE_DELAY_US
from loadtest.burn import CHIRP_EVERY_S, CHIRPS, ChirpFinder, read_picture
from loadtest.client import HeardHint
from loadtest.clocks import Clocks
from loadtest.expected import BY_SIGHT, BY_SOUND
from loadtest.figures import Samples
from loadtest.recording import OPUS_RATE, OPUS_SAMPLES
from loadtest.result import Heard
from loadtest.tracks import PacketTrack
from services.runtime.bus import now_us
from services.runtime.media import SAMPLE_RATE, newest_us
from services.runtime.settings import RuntimeSettings

CHIRP_PACKETS = CHIRP_EVERY_S * OPUS_RATE // OPUS_SAMPLES
GATEWAY, AGGREGATOR = "the gateway", "the aggregator"
"""Processes that do not say their name in what they send."""

PENDING = 256
"""Messages that may wait for this process, a second of a session's; past that they are not
measured, and the generator's own lag says why."""

KEPT_ENDS = 64
"""Newest signals by the end of their evidence, to find what completed a hint's window."""

MAX_PLAUSIBLE_MS = 60_000.0
"""A latency above a minute is a clock that does not agree with another."""

MIN_PLAUSIBLE_MS = -5.0
"""Nothing ends before it begins: below this two clocks do not agree, and an objective must not
be kept by it. Clocks of a cluster that NTP keeps differ by less."""

ESTIMATED = ("capture_to_publish", "glass_to", "transcript")
MIN_ESTIMATED_MS = -PLAUSIBLE_DELAY_US / 1000
"""Stages that begin with a capture do so by the gateway's estimate, which jitter puts some tens
of ms into the future; what it takes for a delay is no clock here either."""

ROUND_TRIPS = 5
"""To NATS, for each session that is listened to: the fastest of them all did not wait."""


class BusError(RuntimeError):
    """NATS can't be reached; says what to do."""


class Stages:
    """Samples of every stage over all sessions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.samples: dict[str, Samples] = defaultdict(Samples)
        self.clocks = Clocks()
        self.implausible = Counter[str]()
        """Latencies that can't be, by stage."""

    def add_us(self, stage: str, latency_us: int) -> None:
        latency_ms = latency_us / 1000
        least_ms = MIN_ESTIMATED_MS if stage.startswith(ESTIMATED) else MIN_PLAUSIBLE_MS
        if not least_ms <= latency_ms <= MAX_PLAUSIBLE_MS:
            self.implausible[stage] += 1
            return
        self.samples[stage].add(self._clock(), latency_ms)

    def late(self, late_ms: float) -> None:
        """The most by which a packet of a session left too late, of a second or less."""
        self.samples["packet_late"].add(self._clock(), late_ms)

    def hint(self, hint: HeardHint) -> None:
        """At the client."""
        latency_us = hint.arrived_us - int(hint.message["capture_us"])
        self.add_us("glass_to_hint", latency_us)
        if hint.message["trigger"] in BY_SIGHT:
            self.add_us("glass_to_hint_sight", latency_us)
        elif hint.message["trigger"] in BY_SOUND:
            self.add_us("glass_to_hint_sound", latency_us)
        self.add_us("hint_delivery", hint.arrived_us - int(hint.message["decided_us"]))


class SessionProbe:
    """One session's messages on the bus, each turned into latencies."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._ends: dict[int, int] = {}
        """End of evidence to emission, newest last."""
        self._words: set[tuple[int, int]] = set()
        self._video: PacketTrack | None = None
        self._audio: PacketTrack | None = None
        self._finder = ChirpFinder(SAMPLE_RATE)
        self.first_signal_s: float | None = None
        self.heard = Heard()
        self.attached: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """By kind: it has the session, and accounts for its media, if for none yet."""
        self.hints: list[str] = []
        """Triggers, in the order of their decisions."""
        self.triggers: dict[int, int] = {}
        """Of each hint: the end of its window to the emission of what completed it."""

    def watch_burnt(self, tracks: list[PacketTrack]) -> None:
        """Also read the burnt identity: these are the tracks that send it."""
        self._video = next((t for t in tracks if t.kind == "video"), None)
        self._audio = next((t for t in tracks if t.kind == "audio"), None)

    def take(self, subject: str, data: bytes) -> None:
        """A message as it arrives."""
        arrived_us = now_us()
        prefix, _, rest = subject.partition(".")
        if prefix == "media":
            if rest.endswith("video"):
                self._frame(VideoFrame.FromString(data), arrived_us)
            else:
                self._chunk(AudioChunk.FromString(data), arrived_us)
        elif prefix == "signals":
            self._signal(Signal.FromString(data), arrived_us)
        elif prefix == "hints":
            self._hint(Hint.FromString(data), arrived_us)

    def _frame(self, frame: VideoFrame, arrived_us: int) -> None:
        self.heard.frames += 1
        self.heard.made["video"] = frame.header.sequence + 1
        self._stages.clocks.heard(GATEWAY, frame.publish_time_us, arrived_us)
        captured_us = frame.header.capture_time_us
        self._stages.add_us("capture_to_publish_video", frame.publish_time_us - captured_us)
        if self._video is None:
            return
        number = read_picture(frame.jpeg)
        sent_us = self._video.sent_at.get(number) if number is not None else None
        if number is None:
            self.heard.numbers_unread += 1
            return
        self.heard.numbers_read += 1
        if sent_us is not None:
            self._stages.add_us("burnt_video", arrived_us - sent_us)

    def _chunk(self, chunk: AudioChunk, arrived_us: int) -> None:
        samples = np.frombuffer(chunk.pcm, "<i2")
        self.heard.samples += len(samples)
        self.heard.made["audio"] = chunk.header.sequence + 1
        self.heard.concealed_samples += chunk.concealed_samples
        self._stages.add_us("capture_to_publish_audio", chunk.publish_time_us - newest_us(chunk))
        if self._audio is None:
            return
        number = self._finder.add(samples)
        if number is None:
            return
        before = [
            sent_us
            for place, sent_us in self._audio.sent_at.items()
            if place % (CHIRPS * CHIRP_PACKETS) == number * CHIRP_PACKETS and sent_us < arrived_us
        ]
        if before:
            self._stages.add_us("burnt_audio", arrived_us - max(before))

    def _signal(self, signal: Signal, arrived_us: int) -> None:
        body = signal.WhichOneof("body") or ""
        name = Kind.Name(signal.kind).removeprefix("KIND_").lower()
        if body == "accounting":
            self.attached[name].set()
            return
        self._stages.clocks.heard(signal.trace.worker, signal.trace.emitted_us, arrived_us)
        if self.first_signal_s is None:
            self.first_signal_s = time.monotonic()
        trace = signal.trace
        if body.endswith("_state"):
            self._ends[signal.end_us] = trace.emitted_us
            if len(self._ends) > KEPT_ENDS:
                del self._ends[next(iter(self._ends))]
            if trace.published_us:
                self._stages.add_us(f"bus_{name}", trace.received_us - trace.published_us)
                self._stages.add_us(name, trace.emitted_us - trace.received_us)
            self._stages.add_us(f"glass_to_signal_{name}", arrived_us - signal.end_us)
        elif body == "transcript" and signal.transcript.words:
            place = (signal.transcript.utterance, len(signal.transcript.words))
            if place not in self._words:
                self._words.add(place)
                ended_us = signal.transcript.words[-1].end_us
                self._stages.add_us("transcript", trace.emitted_us - ended_us)
        elif body == "answer" and trace.received_us:
            self._stages.add_us("answers", trace.emitted_us - trace.received_us)

    def _hint(self, hint: Hint, arrived_us: int) -> None:
        self._stages.clocks.heard(AGGREGATOR, hint.decided_us, arrived_us)
        self.hints.append(hint.trigger)
        emitted_us = self._ends.get(hint.header.capture_time_us)
        if emitted_us is not None:
            self.triggers[hint.header.capture_time_us] = emitted_us
            self._stages.add_us("fusion", hint.decided_us - emitted_us)


class BusTap:
    """A connection to NATS that listens to sessions. Use ``async with BusTap(url, stages)``."""

    def __init__(self, url: str, stages: Stages) -> None:
        self._url = url
        self._stages = stages
        self._connection: Nats
        self._subscriptions: dict[str, list[Subscription]] = {}

    async def __aenter__(self) -> BusTap:
        self._connection = await connect(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def listen(self, session_id: str) -> SessionProbe:
        """From now until `release` or the end of the run."""
        probe = SessionProbe(self._stages)

        async def take(message: Msg) -> None:
            probe.take(message.subject, message.data)

        self._subscriptions[session_id] = [
            await self._connection.subscribe(subject, cb=take, pending_msgs_limit=PENDING)
            for subject in (
                f"media.{session_id}.*",
                f"signals.{session_id}.*",
                f"hints.{session_id}",
            )
        ]
        for _ in range(ROUND_TRIPS):  # after the first the subscriptions stand
            sent_us = now_us()
            await self._connection.flush()
            self._stages.clocks.went_round(now_us() - sent_us)
        return probe

    async def release(self, session_id: str) -> None:
        for subscription in self._subscriptions.pop(session_id, []):
            with contextlib.suppress(nats.errors.Error):  # NATS is away: nothing to let go of
                await subscription.unsubscribe()


async def connect(url: str) -> Nats:
    """With the user in `url`, or GREENROOM_NATS_CREDENTIALS. Raises BusError, SettingsError."""
    settings = read(RuntimeSettings, nats_url=url)
    if settings.nats_credentials is not None:
        await asyncio.to_thread(_check_credentials, settings.nats_credentials)
    errors = deque[Exception](maxlen=1)  # they go on coming as long as the connection stands

    async def keep(error: Exception) -> None:
        """A slow subscription loses messages here; the generator's lag tells of it."""
        errors.append(error)

    try:
        return await nats.connect(
            settings.nats_servers,
            name="loadtest",
            user_credentials=str(settings.nats_credentials) if settings.nats_credentials else None,
            error_cb=keep,
            max_reconnect_attempts=2,
        )
    except (nats.errors.Error, OSError) as error:
        why = errors[-1] if errors else error
        # A server that lets nobody in may break the connection before its reason is read.
        if "authorization" in str(why).lower() or isinstance(why, ConnectionResetError):
            raise BusError(
                f"NATS at {without_user(url)} lets us not in ({why}): set "
                "GREENROOM_NATS_CREDENTIALS to the deployment's .creds file, or say "
                "nats://USER:PASSWORD@HOST"
            ) from error
        raise BusError(
            f"NATS at {without_user(url)} does not answer ({why!r}): is the address right, and "
            "open from here?"
        ) from error


def without_user(url: str) -> str:
    """The servers' addresses as they may be shown: without name and password."""
    return ",".join(re.sub(r"^(\w+://)?.*@", r"\1", server) for server in url.split(","))


def _check_credentials(path: Path) -> None:
    """nats-py looks for their beginning without end. Raises BusError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BusError(
            f"GREENROOM_NATS_CREDENTIALS={path}: can't be read ({error.strerror})"
        ) from error
    if b"BEGIN NATS USER JWT" not in content or b"BEGIN USER NKEY SEED" not in content:
        raise BusError(f"GREENROOM_NATS_CREDENTIALS={path}: is no .creds file of NATS")
