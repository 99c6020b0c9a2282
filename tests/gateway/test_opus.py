"""libopus itself: decoding, FEC, concealment."""

from collections.abc import Iterator

import numpy as np
import pytest

from gateway.opus import MAX_PACKET_SAMPLES, PACKET_SAMPLES, OpusDecoder, OpusError
from tests.gateway import media


@pytest.fixture
def decoder() -> Iterator[OpusDecoder]:
    made = OpusDecoder()
    yield made
    made.close()


def test_a_packet_is_20_ms_at_16_khz(decoder: OpusDecoder) -> None:
    for packet in media.opus(media.sound(1)):
        samples = decoder.decode(packet)
        assert samples.shape == (PACKET_SAMPLES,)
        assert samples.dtype == np.int16


def test_a_packet_of_60_ms(decoder: OpusDecoder) -> None:
    for packet in media.opus(media.sound(1), frame_ms=60):
        assert len(decoder.decode(packet)) == 3 * PACKET_SAMPLES


def test_concealment_goes_on_with_the_sound(decoder: OpusDecoder) -> None:
    for packet in media.opus(media.sound(1))[:40]:
        last = decoder.decode(packet)
    concealed = decoder.conceal(PACKET_SAMPLES)
    assert len(concealed) == PACKET_SAMPLES
    assert np.abs(concealed).mean() > 0.3 * np.abs(last).mean()


def test_forward_error_correction_is_better_than_concealment(decoder: OpusDecoder) -> None:
    """In each tenth packet, which was lost, against the sound of a decoder that has it."""
    packets = media.opus(media.sound(20))
    reference = [decoder.decode(packet).astype(float) for packet in packets]

    def error(*, fec: bool) -> float:
        lossy = OpusDecoder()
        squares = []
        for number, packet in enumerate(packets):
            if number % 10 == 5:
                continue
            if number % 10 == 6:
                made = (
                    lossy.recover(packet, PACKET_SAMPLES) if fec else lossy.conceal(PACKET_SAMPLES)
                )
                squares.append(((made - reference[number - 1]) ** 2).mean())
            lossy.decode(packet)
        lossy.close()
        return float(np.sqrt(np.mean(squares)))

    assert error(fec=True) < 0.8 * error(fec=False)


@pytest.mark.parametrize("corrupt", [b"\xff\xff", b"\x03", bytes([0x7F, 0xFF, 0xFF])])
def test_a_corrupt_packet(decoder: OpusDecoder, corrupt: bytes) -> None:
    with pytest.raises(OpusError):
        decoder.decode(corrupt)


def test_never_more_than_120_ms(decoder: OpusDecoder) -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        try:
            samples = decoder.decode(rng.bytes(int(rng.integers(1, 200))))
        except OpusError:
            continue
        assert len(samples) <= MAX_PACKET_SAMPLES


def test_a_closed_decoder_says_so() -> None:
    decoder = OpusDecoder()
    decoder.close()
    decoder.close()
    with pytest.raises(OpusError, match="closed"):
        decoder.conceal(PACKET_SAMPLES)
