"""Networks by name: the losses and delays they promise, the same for the same seed."""

import asyncio
import itertools

import numpy as np
import pytest

from loadtest.profile import PROFILES, Link

DATAGRAMS = 200_000


@pytest.mark.parametrize("name", ["wifi", "4g", "bad"])
def test_the_loss_in_the_long_run_is_the_profiles(name: str) -> None:
    profile = PROFILES[name]
    link = Link(profile, "seed")
    for _ in range(DATAGRAMS):
        link.next_delay_s()
    rate = link.lost / DATAGRAMS
    assert link.lost + link.passed == DATAGRAMS
    assert rate == pytest.approx(profile.loss, rel=0.15)


@pytest.mark.parametrize("name", ["wifi", "4g", "bad"])
def test_losses_come_in_runs_of_the_profiles_length(name: str) -> None:
    link = Link(PROFILES[name], "seed")
    lost = [link.next_delay_s() is None for _ in range(DATAGRAMS)]
    runs = [len(list(group)) for gone, group in itertools.groupby(lost) if gone]
    assert np.mean(runs) == pytest.approx(PROFILES[name].burst, rel=0.1)


@pytest.mark.parametrize("name", ["wifi", "4g", "bad"])
def test_delay_and_jitter_are_the_profiles(name: str) -> None:
    profile = PROFILES[name]
    link = Link(profile, "seed")
    delays = [d for _ in range(20_000) if (d := link.next_delay_s()) is not None]
    assert np.mean(delays) == pytest.approx(profile.delay_s, rel=0.05)
    assert np.std(delays) == pytest.approx(profile.jitter_s, rel=0.05)


def test_a_seed_gives_the_same_network_again_and_another_seed_another() -> None:
    def run(seed: str) -> list[float | None]:
        link = Link(PROFILES["bad"], seed)
        return [link.next_delay_s() for _ in range(500)]

    assert run("7-0-up") == run("7-0-up")
    assert run("7-0-up") != run("7-1-up")


async def test_a_perfect_network_sends_at_once() -> None:
    link, sent = Link(PROFILES["perfect"], "seed"), list[bytes]()

    async def on(data: bytes) -> None:
        sent.append(data)

    for number in range(100):
        await link.send(bytes([number]), on)
    assert sent == [bytes([number]) for number in range(100)]


async def test_what_is_not_lost_arrives_later() -> None:
    link, sent = Link(PROFILES["bad"], "seed"), list[bytes]()

    async def on(data: bytes) -> None:
        sent.append(data)

    for number in range(1000):
        await link.send(number.to_bytes(2), on)
    assert not sent
    async with asyncio.timeout(5):
        while len(sent) < link.passed:
            await asyncio.sleep(0.01)
    assert link.lost
    assert len(sent) == 1000 - link.lost


async def test_a_closed_link_sends_no_more() -> None:
    link, sent = Link(PROFILES["bad"], "seed"), list[bytes]()

    async def on(data: bytes) -> None:
        sent.append(data)

    for _ in range(50):
        await link.send(b"x", on)
    link.close()
    await asyncio.sleep(0.3)
    assert not sent
