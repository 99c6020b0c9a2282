"""RTP's numbers, which begin anew when they are through (RFC 3550, 5.1)."""

SEQUENCE_MODULUS = 1 << 16
RTP_MODULUS = 1 << 32


def distance(later: int, earlier: int, modulus: int) -> int:
    """From the one to the other, the shorter way round: negative where `later` comes first."""
    half = modulus // 2
    return (later - earlier + half) % modulus - half
