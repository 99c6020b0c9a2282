"""Where an analyzer's input comes from: the camera or the microphone, by the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import simplejpeg
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from nats.aio.subscription import Subscription

from services.runtime.bus import Bus
from services.runtime.media import SAMPLE_BYTES, SAMPLE_RATE, Frame, Image, Pcm

AUDIO_RING = 25
"""Chunks: what may still be fresh (MAX_AGE_US) even where losses make each packet a chunk of its
own; of whole ones two seconds, so that what is told as too old was."""


Message = TypeVar("Message", VideoFrame, AudioChunk)
Decoded = TypeVar("Decoded")
Decoded_co = TypeVar("Decoded_co", covariant=True)


class BadMediaError(ValueError):
    """A media message whose content can't be decoded."""


class MediaSource(Protocol[Message, Decoded_co]):
    """How one kind of media is subscribed, held and decoded."""

    capacity: int
    """Of the ring that holds what waits for analysis."""
    overflow: str
    """The reason under which the ring drops."""

    async def subscribe(
        self, bus: Bus, session_id: str, take: Callable[[Message], None]
    ) -> Subscription: ...

    def decode(self, message: Message) -> Decoded_co:
        """Raises BadMediaError."""
        ...


class VideoSource:
    """The latest frame only: a newer one replaces one that still waits."""

    capacity = 1
    overflow = "superseded"

    async def subscribe(
        self, bus: Bus, session_id: str, take: Callable[[VideoFrame], None]
    ) -> Subscription:
        return await bus.subscribe_video(session_id, take)

    def decode(self, message: VideoFrame) -> Frame:
        """The picture itself is decoded, or found to be none, when the analyzer looks at it."""
        return Frame(
            lambda: _picture(message.jpeg), message.header.capture_time_us, message.header.sequence
        )


def _picture(jpeg: bytes) -> Image:
    try:
        picture: Image = simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
    except ValueError as error:
        raise BadMediaError(str(error)) from error
    return picture


class AudioSource:
    """Every chunk, as long as it is fresh."""

    capacity = AUDIO_RING
    overflow = "ring_full"

    async def subscribe(
        self, bus: Bus, session_id: str, take: Callable[[AudioChunk], None]
    ) -> Subscription:
        return await bus.subscribe_audio(session_id, take)

    def decode(self, message: AudioChunk) -> Pcm:
        if message.sample_rate != SAMPLE_RATE or len(message.pcm) % SAMPLE_BYTES:
            raise BadMediaError(f"{message.sample_rate} Hz, {len(message.pcm)} bytes")
        return Pcm(
            np.frombuffer(message.pcm, np.dtype("<i2")),
            message.header.capture_time_us,
            message.header.sequence,
            message.concealed_samples,
        )
