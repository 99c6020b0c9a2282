import pytest

from gateway.circle import RTP_MODULUS, SEQUENCE_MODULUS, distance


@pytest.mark.parametrize("modulus", [SEQUENCE_MODULUS, RTP_MODULUS])
@pytest.mark.parametrize("ahead", [0, 1, -1, 3_000, -3_000])
@pytest.mark.parametrize("start", [0, 5, 1 << 15])
def test_the_shorter_way_round(modulus: int, ahead: int, start: int) -> None:
    for earlier in (start, modulus - 1 - start):
        assert distance((earlier + ahead) % modulus, earlier, modulus) == ahead
        # Unwrapped numbers, as they are kept, do as well.
        assert distance((earlier + ahead) % modulus, earlier + 3 * modulus, modulus) == ahead
