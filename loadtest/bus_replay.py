"""``loadtest --at bus``: a captured session published to NATS as many, with their times
rebased, to load the services without WebRTC."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
import nats.errors
from greenroom.v1.capture_pb2 import Captured, CaptureStarted
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import Consent, MediaConnected, QuestionStarted, SessionEvent

from gateway.errors import ApiError
from gateway.registry import Registry, candidate_id_of, new_token
from loadtest.client import Client
from loadtest.result import MISSING, SessionResult
from loadtest.session import Target
from loadtest.stages import BusTap, SessionProbe, Stages
from loadtest.whip import ClientError
from services.runtime.bus import Bus, now_us
from services.runtime.media import MICROSECONDS

SESSION_MINUTES = 120.0
ATTACH_S = 3.0
"""For analyzers to have said that they have the session: each does so within about a second."""

FRAME_US = MICROSECONDS // 30
"""From a capture's last message to the first of its next round."""

Media = TypeVar("Media", bound=VideoFrame | AudioChunk)


@dataclass
class BusSession:
    """One published session, in the shape of loadtest.session.LoadSession."""

    bus: Bus
    target: Target
    started: CaptureStarted
    messages: list[Captured]
    stages: Stages
    tap: BusTap
    result: SessionResult = field(init=False)
    connected: bool = field(init=False, default=False)
    _registry: Registry = field(init=False)
    _sequences: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        self.result = SessionResult(recording="capture", outcome="failed")
        self._registry = Registry(self.bus, SESSION_MINUTES)

    async def run(self, until: Callable[[], bool], seconds: float) -> None:
        """Never raises for what the system does: the result says it."""
        started = time.monotonic()
        consent = Consent(camera=self.started.camera, microphone=self.started.microphone)
        questions = list(self.started.questions)
        candidate = candidate_id_of(new_token())
        try:
            info, token = await self._registry.create(candidate, questions, consent, True)
            self.result.session_id = info.session_id
            probe = await self.tap.listen(info.session_id)
            self.result.heard = probe.heard
            self.result.join_ms = (time.monotonic() - started) * 1000
            try:
                await self._until_attached(probe)
                self.connected = True
                await self._publish(info.session_id, until, seconds)
            finally:
                self.connected = False
                await self._registry.end(info.session_id, "candidate")
                await self.tap.release(info.session_id)
            self.result.hints = probe.hints
            if probe.first_signal_s is not None:
                self.result.first_signal_ms = (probe.first_signal_s - started) * 1000
            await self._report(info.session_id, token, min(1, len(questions)))
            self.result.outcome = "completed"
        except (ClientError, ApiError, nats.errors.Error, httpx.HTTPError) as error:
            self.result.error = str(error) or repr(error)

    async def _publish(self, session_id: str, until: Callable[[], bool], seconds: float) -> None:
        """The capture, again and again, for `seconds`."""
        connected = MediaConnected(
            video=self.started.camera, audio=self.started.microphone, connection=1
        )
        await self._registry.say(session_id, SessionEvent(media_connected=connected))
        if self.started.questions and not any(_asks(message) for message in self.messages):
            # The capture began after its question: the answers need one all the same.
            first = QuestionStarted(question_id=self.started.questions[0].id)
            await self._registry.say(session_id, SessionEvent(question_started=first))
        began, began_us = time.monotonic(), now_us()
        for at_us, message, shift_us in looped(self.started, self.messages, began_us):
            if until() or at_us > seconds * MICROSECONDS:
                return
            wait_s = began + at_us / MICROSECONDS - time.monotonic()
            late_ms = max(0.0, -wait_s * 1000)
            self.result.late_ms = max(self.result.late_ms, late_ms)
            self.stages.late(late_ms)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if message.HasField("video"):
                frame = rebased(message.video, session_id, self._count("video"), shift_us)
                await self.bus.publish_video(frame)
            elif message.HasField("audio"):
                chunk = rebased(message.audio, session_id, self._count("audio"), shift_us)
                await self.bus.publish_audio(chunk)
            elif _asks(message):
                question = QuestionStarted()
                question.CopyFrom(message.event.question_started)
                await self._registry.say(session_id, SessionEvent(question_started=question))

    def _count(self, kind: str) -> int:
        self._sequences[kind] += 1
        return self._sequences[kind] - 1

    async def _until_attached(self, probe: SessionProbe) -> None:
        """Where nobody listens yet, media is lost; a candidate takes as long to join."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ATTACH_S):
                await asyncio.gather(*(probe.attached[kind].wait() for kind in self._kinds))

    @property
    def _kinds(self) -> list[str]:
        """Analyzers that get the capture's media."""
        kinds = ["face", "gesture"] if self.started.camera else []
        return kinds + (["voice"] if self.started.microphone else [])

    async def _report(self, session_id: str, token: str, questions: int) -> None:
        self.result.report = MISSING
        created = {"session_id": session_id, "token": token}
        async with httpx.AsyncClient(base_url=self.target.url) as http:
            report, _, _ = await Client(http, created).report()
        self.result.read(report, self._kinds, questions)


def _asks(message: Captured) -> bool:
    return message.HasField("event") and message.event.HasField("question_started")


def looped(
    started: CaptureStarted, messages: list[Captured], began_us: int
) -> Iterator[tuple[int, Captured, int]]:
    """(when to publish, in us since the beginning; message; what to add to its times), without
    end. Each loop goes on where the last one ended."""
    length_us = messages[-1].at_us + FRAME_US
    loop = 0
    while True:
        for message in messages:
            at_us = loop * length_us + message.at_us
            yield at_us, message, began_us - started.time_us + loop * length_us
        loop += 1


def rebased(media: Media, session_id: str, sequence: int, shift_us: int) -> Media:
    """A copy of another session, at another time."""
    made = copy.deepcopy(media)
    made.header.session_id = session_id
    made.header.sequence = sequence
    made.header.capture_time_us += shift_us
    made.publish_time_us = now_us()
    return made
