"""Real encoded media as RTP packets, the way aiortc's receiver hands them on; no network."""

from __future__ import annotations

import random
import unittest.mock
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import aiortc.codecs.h264
import av
import numpy as np
import numpy.typing as npt
from aiortc.codecs.h264 import H264Encoder, h264_depayload
from aiortc.codecs.vpx import VpxPayloadDescriptor, vp8_depayload
from aiortc.rtp import RtpPacket

FPS = 30
VIDEO_STEP = 90_000 // FPS
VP8_TYPE, H264_TYPE, OPUS_TYPE = 97, 99, 96
SSRC = 1234
PACKET_BYTES = 400
"""Small, so that most frames take several packets."""

L1T3 = (0, 2, 1, 2)
"""The temporal layer of each of four frames, as of Chromium's scalability mode L1T3."""


@dataclass(frozen=True)
class Encoded:
    """One frame as its encoder made it."""

    data: bytes
    key: bool
    layer: int = 0
    sync: bool = False


def pictures(count: int, width: int = 320, height: int = 240) -> list[av.VideoFrame]:
    """A textured square over a moving gradient: enough detail that frames differ."""
    texture = np.random.default_rng(7).integers(0, 255, (80, 80, 3), np.uint8)
    y, x = np.mgrid[:height, :width]
    made = []
    for number in range(count):
        image = np.stack([(x + 3 * number) % 256, y % 256, (x + y + number) % 256], -1)
        image = image.astype(np.uint8)
        left = (number * 7) % (width - 80)
        image[60:140, left : left + 80] = texture
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        made.append(frame)
    return made


def vp8(
    frames: Sequence[av.VideoFrame], *, layers: bool = False, keys: Iterable[int] = (0,)
) -> list[Encoded]:
    """libvpx in real time; layers: three temporal ones. keys: frames that are key frames."""
    options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "9999"}
    if layers:
        options |= {
            "error-resilient": "1",
            "ts-parameters": "ts_number_layers=3:ts_target_bitrate=300,450,700:"
            "ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3",
        }
    keys = set(keys)
    made = []
    for number, data in enumerate(_encode("libvpx", frames, options, keys)):
        place = number % 4
        made.append(
            Encoded(data, number in keys, L1T3[place], place in (1, 2))
            if layers
            else Encoded(data, number in keys)
        )
    return made


def h264(
    frames: Sequence[av.VideoFrame], *, discardable: bool = False, keys: Iterable[int] = (0,)
) -> list[Encoded]:
    """x264 as WebRTC uses it; discardable: with frames that no other refers to."""
    options = {"preset": "veryfast", "g": "9999"}
    if discardable:  # B frames, in decoding order after the frames they lie between
        options |= {"x264-params": "bframes=1:b-adapt=0:b-pyramid=none:rc-lookahead=0:scenecut=0"}
    else:
        options |= {"tune": "zerolatency", "profile": "baseline"}
    packets = _encode("libx264", frames, options, set(keys))
    return [Encoded(data, b"\x00\x00\x01\x65" in data) for data in packets]


def _encode(
    codec: str, frames: Sequence[av.VideoFrame], options: dict[str, str], keys: set[int]
) -> list[bytes]:
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = frames[0].width, frames[0].height
    encoder.pix_fmt, encoder.bit_rate = "yuv420p", 700_000
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.thread_count = 1
    encoder.options = options
    packets = []
    for number, frame in enumerate(frames):
        kind = av.video.frame.PictureType
        frame.pict_type = kind.I if number in keys else kind.NONE
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [bytes(packet) for packet in packets]


def vp8_packets(frames: Iterable[Encoded], *, layers: bool = False, first: int = 0) -> Packets:
    """Of each frame: its packets, the last with the marker."""
    base = -1
    made = []
    for number, frame in enumerate(frames):
        base += frame.layer == 0
        payloads = []
        for start in range(0, len(frame.data), PACKET_BYTES):
            descriptor = VpxPayloadDescriptor(
                partition_start=int(start == 0),
                partition_id=0,
                picture_id=number,
                tl0picidx=base % 256 if layers else None,
                tid=(frame.layer, int(frame.sync)) if layers else None,
            )
            payload = bytearray(bytes(descriptor) + frame.data[start : start + PACKET_BYTES])
            if layers and frame.layer == 2:
                payload[0] |= 0x20  # N: nothing refers to the frame
            payloads.append(bytes(payload))
        made.append(payloads)
    return _packets(made, VP8_TYPE, vp8_depayload, first)


def h264_packets(frames: Iterable[Encoded], *, first: int = 0) -> Packets:
    """STAP-A, single NAL units and FU-A, by aiortc's own packetizer."""
    with unittest.mock.patch.object(aiortc.codecs.h264, "PACKET_MAX", PACKET_BYTES):
        made = [H264Encoder._packetize(H264Encoder._split_bitstream(f.data)) for f in frames]
    return _packets(made, H264_TYPE, h264_depayload, first)


Packets = list[list[RtpPacket]]


def _packets(
    frames: list[list[bytes]], payload_type: int, depayload: Callable[[bytes], bytes], first: int
) -> Packets:
    made = []
    number = first
    for index, payloads in enumerate(frames):
        packets = []
        for payload in payloads:
            packet = RtpPacket(
                payload_type=payload_type,
                marker=int(payload is payloads[-1]),
                sequence_number=number % 65_536,
                timestamp=index * VIDEO_STEP,
                ssrc=SSRC,
                payload=payload,
            )
            packet._data = depayload(payload)  # type: ignore[attr-defined]
            packets.append(packet)
            number += 1
        made.append(packets)
    return made


def padding(number: int, timestamp: int, payload_type: int = VP8_TYPE) -> RtpPacket:
    """A packet without media, as browsers send to probe the path."""
    packet = RtpPacket(
        payload_type=payload_type, sequence_number=number, timestamp=timestamp, ssrc=SSRC
    )
    packet._data = b""  # type: ignore[attr-defined]
    return packet


def sound(seconds: float, rate: int = 48_000) -> npt.NDArray[np.int16]:
    """A voice-like sweep of harmonics."""
    t = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 9))
    return np.asarray(wave * 5_000, np.int16)


def opus(samples: npt.NDArray[np.int16], *, fec: bool = True, frame_ms: int = 20) -> list[bytes]:
    """Packets of `frame_ms` of 48 kHz mono, with in-band FEC for 10% loss if asked."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate = 32_000
    encoder.options = {
        "application": "voip",
        "frame_duration": str(frame_ms),
        "fec": str(int(fec)),
        "packet_loss": "10",
    }
    size = 48 * frame_ms
    packets = []
    for start in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + size], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [bytes(packet) for packet in packets]


def opus_packets(data: Iterable[bytes], *, step: int = 960, first: int = 0) -> list[RtpPacket]:
    made = []
    for index, payload in enumerate(data):
        packet = RtpPacket(
            payload_type=OPUS_TYPE,
            sequence_number=(first + index) % 65_536,
            timestamp=(index * step) % (1 << 32),
            ssrc=SSRC,
            payload=payload,
        )
        packet._data = payload  # type: ignore[attr-defined]
        made.append(packet)
    return made


def lose(packets: Iterable[RtpPacket], share: float, seed: int) -> list[RtpPacket]:
    """Each packet but the first is lost with this probability, alike for each seed."""
    chance = random.Random(seed)
    return [p for i, p in enumerate(packets) if i == 0 or chance.random() >= share]


def shuffle(packets: Iterable[RtpPacket], reach: int, seed: int) -> list[RtpPacket]:
    """Packets overtake one another by up to `reach` places; the first stays."""
    chance = random.Random(seed)
    first, *rest = packets
    order = sorted(range(len(rest)), key=lambda i: i + chance.uniform(0, reach))
    return [first, *(rest[i] for i in order)]
