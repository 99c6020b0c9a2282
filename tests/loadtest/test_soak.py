"""What a soak makes of its samples; the soak itself is `make soak`."""

from loadtest.figures import Samples
from loadtest.soak import by_minute


def test_a_mean_for_each_minute() -> None:
    sampled = Samples()
    for at in range(0, 150, 5):
        sampled.add(1_000.0 + at, 10.0 if at < 60 else 20.0)
    first, second, third = by_minute(sampled)
    assert first is not None
    assert 10 <= first < 11, "the next minute's first sample may be in it"
    assert (second, third) == (20, 20)
    assert by_minute(Samples()) == []


def test_a_minute_without_samples_is_told_as_one() -> None:
    sampled = Samples()
    sampled.add(0.0, 1.0)
    sampled.add(130.0, 2.0)
    assert by_minute(sampled) == [1.0, None, 2.0]
