"""Two temporal layers: the upper one can be left out, and the packets say which it is."""

from fractions import Fraction
from pathlib import Path

import av
from aiortc.rtp import RtpPacket

from gateway.payload import Vp8Reader
from gateway.video import new_decoder
from loadtest.layers import LayeredVp8Encoder
from loadtest.recording import EncodedPacket, Recording, load

CLIP = "video_grid/grid_brbk7n.mpg"


def pictures(packets: list[EncodedPacket]) -> list[bytes]:
    decoder = new_decoder("vp8")
    frames = [f for packet in packets for f in decoder.decode(av.Packet(packet.data))]
    return [frame.to_ndarray(format="yuv420p").tobytes() for frame in frames]


def layered(data: Path, cache: Path) -> Recording:
    return load(data / CLIP, cache, layered=True)


def test_the_base_layer_alone_decodes_to_the_same_pictures(
    shared_data: Path, tmp_path: Path
) -> None:
    """Bit for bit."""
    packets = layered(shared_data, tmp_path).video
    every = pictures(packets)
    base = [n for n, packet in enumerate(packets) if not packet.upper]
    assert len(base) < 0.6 * len(packets), "every second frame, and some more at key frames"
    assert pictures([packets[n] for n in base]) == [every[n] for n in base]


def test_the_gateway_reads_the_layers(shared_data: Path, tmp_path: Path) -> None:
    packets = layered(shared_data, tmp_path).video[:20]
    encoder, reader = LayeredVp8Encoder(), Vp8Reader()
    bases = []
    for number, packet in enumerate(packets):
        made = av.Packet(packet.data)
        made.pts, made.time_base, made.opaque = number * 3000, Fraction(1, 90_000), packet.upper
        payloads, timestamp = encoder.pack(made)
        assert timestamp == number * 3000
        read = [RtpPacket(payload_type=97, payload=payload) for payload in payloads]
        assert [reader.starts_frame(p) for p in read] == [True] + [False] * (len(read) - 1)
        assert {reader.is_discardable(p) for p in read} == {packet.upper}
        layer = reader.layer(read[0])
        assert layer is not None
        assert layer.number == int(packet.upper)
        bases.append(layer.base)
    # The base layer counts up by one; an upper frame names the base frame before it.
    assert bases == [sum(not p.upper for p in packets[: n + 1]) for n in range(20)]
