"""VP8 with two temporal layers, sent as Chromium sends what the page asks it for.

Of 30 frames a second 15 are of the upper layer, to which no frame refers. The payload
descriptor says so (RFC 7741, 4.2): TID, TL0PICIDX and the N bit, which aiortc's own packer
leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av
from aiortc.codecs.vpx import PACKET_MAX, Vp8Encoder, VpxPayloadDescriptor
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase

ENCODER_OPTIONS: dict[str, object] = {
    "error-resilient": "1",
    "ts-parameters": "ts_number_layers=2:ts_target_bitrate=900,1500:ts_rate_decimator=2,1:"
    "ts_periodicity=2:ts_layer_id=0,1:ts_layering_mode=2",
}
"""Of libvpx through FFmpeg: every second frame updates no reference."""

DISCARDABLE = 0x20
"""The N bit of the descriptor's first octet."""

BASE_MODULUS, PICTURE_MODULUS = 1 << 8, 1 << 15


def upper_layer(keys: Iterable[bool]) -> Iterator[bool]:
    """For each frame in order, by whether it is a key frame: whether it is of the upper layer.

    The encoder's pattern begins anew with each key frame.
    """
    since_key = 0
    for key in keys:
        since_key = 0 if key else since_key + 1
        yield bool(since_key % 2)


class LayeredVp8Encoder(Vp8Encoder):
    """Packs encoded frames whose `opaque` says whether they are of the upper layer."""

    def __init__(self) -> None:
        super().__init__()
        self._base = 0

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        upper = bool(packet.opaque)
        if not upper:
            self._base = (self._base + 1) % BASE_MODULUS
        descriptor = VpxPayloadDescriptor(
            partition_start=1,
            partition_id=0,
            picture_id=self.picture_id,
            tl0picidx=self._base,
            tid=(1, 1) if upper else (0, 0),
        )
        data, payloads = bytes(packet), []
        while data:
            header = bytearray(bytes(descriptor))
            if upper:
                header[0] |= DISCARDABLE
            size = PACKET_MAX - len(header)
            payloads.append(bytes(header) + data[:size])
            data = data[size:]
            descriptor.partition_start = 0
        self.picture_id = (self.picture_id + 1) % PICTURE_MODULUS
        assert packet.pts is not None
        assert packet.time_base is not None
        return payloads, convert_timebase(packet.pts, packet.time_base, VIDEO_TIME_BASE)
