"""``greenroom record``: a session's media and events from the bus into a file.

Only sessions whose candidate agreed to training are captured: a page's "keep the recording"
promises that it stays in the browser. Sessions of the load tester agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import nats.errors
from greenroom.v1.capture_pb2 import Captured, CaptureStarted
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.session_pb2 import SessionEvent, SessionInfo
from nats.aio.msg import Msg
from nats.js.errors import BucketNotFoundError, KeyNotFoundError

from loadtest.capture import VERSION, CaptureError, Writer
from loadtest.stages import connect, without_user
from services.runtime.bus import SESSIONS_BUCKET, now_us, started

PENDING = 1024
"""Messages that may wait to be written: some ten seconds of a session."""


async def record(
    nats_url: str,
    session_id: str,
    writer: Writer,
    duration_s: float,
    began: Callable[[], None] = lambda: None,
) -> None:
    """Until the session ends, or `duration_s`. Raises CaptureError, BusError, SettingsError.

    began: called when all that comes from then on is captured.
    """
    connection = await connect(nats_url)
    try:
        try:
            js = connection.jetstream()
            entry = await (await js.key_value(SESSIONS_BUCKET)).get(session_id)
            beginning = await started(js, session_id)
        except (KeyNotFoundError, BucketNotFoundError, nats.errors.Error) as error:
            raise CaptureError(
                f"there is no session {session_id} at {without_user(nats_url)}"
            ) from error
        info = SessionInfo.FromString(entry.value or b"")
        if info.ended:
            raise CaptureError(f"session {session_id} has ended: its media is gone")
        if not info.consent.training:
            raise CaptureError(
                f"session {session_id} may not be captured: its candidate did not agree to "
                "training (the consent of POST /api/sessions)"
            )
        began_us = now_us()
        start = CaptureStarted(
            version=VERSION,
            time_us=began_us,
            questions=beginning.questions,
            camera=info.consent.camera,
            microphone=info.consent.microphone,
        )
        waiting: asyncio.Queue[Captured] = asyncio.Queue(PENDING)
        waiting.put_nowait(Captured(started=start))

        async def take(raw: Msg) -> None:
            message = _captured(raw)
            message.at_us = now_us() - began_us
            try:
                waiting.put_nowait(message)
            except asyncio.QueueFull:
                writer.lost += 1  # the disk is slower than the session

        for subject in (f"media.{session_id}.*", f"events.{session_id}"):
            await connection.subscribe(subject, cb=take, pending_msgs_limit=PENDING)
        await connection.flush()
        began()
        try:
            async with asyncio.timeout(duration_s):
                await _write(waiting, writer)
        except TimeoutError:
            pass
    finally:
        await connection.close()


async def _write(waiting: asyncio.Queue[Captured], writer: Writer) -> None:
    """Until the session has ended."""
    while True:
        message = await waiting.get()
        await asyncio.to_thread(writer.write, message)
        if message.HasField("event") and message.event.HasField("ended"):
            return


def _captured(raw: Msg) -> Captured:
    if raw.subject.startswith("events."):
        return Captured(event=SessionEvent.FromString(raw.data))
    if raw.subject.endswith(".video"):
        return Captured(video=VideoFrame.FromString(raw.data))
    return Captured(audio=AudioChunk.FromString(raw.data))
