"""What is read of packets without decoding them."""

import pytest
from aiortc.rtp import RtpPacket

from gateway.payload import H264_IDR, H264_SLICE, H264_SPS, H264_STAP_A, READERS

DELIMITER, SEI, PPS = 9, 6, 8
"""NAL unit types (H.264, table 7-1)."""


def stap_a(*kinds: int) -> RtpPacket:
    units = [bytes((kind, 0x88, 0x80)) for kind in kinds]
    payload = b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    return RtpPacket(payload=bytes((H264_STAP_A,)) + payload)


@pytest.mark.parametrize(
    ("kinds", "key"),
    [
        ((H264_SPS, PPS, H264_IDR), True),
        ((DELIMITER, H264_SPS, PPS, H264_IDR), True),
        ((SEI, H264_IDR), True),
        ((DELIMITER, H264_SLICE), False),
        ((), False),
    ],
)
def test_a_key_frame_within_an_aggregation(kinds: tuple[int, ...], key: bool) -> None:
    assert READERS["h264"].is_key(stap_a(*kinds)) is key


def test_an_aggregation_that_is_cut_off() -> None:
    packet = stap_a(DELIMITER, H264_IDR)
    for length in range(1, len(packet.payload)):
        READERS["h264"].is_key(RtpPacket(payload=packet.payload[:length]))
