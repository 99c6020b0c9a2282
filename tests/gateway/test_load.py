"""When a gateway is too short of time for another session."""

import time

import pytest

from gateway import load
from gateway.load import Fading, Load


def test_a_mean_that_fades() -> None:
    fading = Fading()
    for tick in range(200):
        fading.add(0.5, tick * 0.1)
    assert fading.value(20.0) == pytest.approx(0.5, rel=0.05)
    assert fading.value(20.0 + load.MEMORY_S) == pytest.approx(0.5 / 2.718, rel=0.06)
    assert fading.value(60.0) < 1e-5


def test_rate_of_measurements_does_not_matter() -> None:
    often, seldom = Fading(), Fading()
    for tick in range(1000):
        often.add(0.2, tick * 0.01)
    for tick in range(20):
        seldom.add(0.2, tick * 0.5)
    assert often.value(10) == pytest.approx(seldom.value(10), rel=0.2)


def test_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    measured = Load(0.1)
    assert not measured.busy
    measured.lagged(0.3)
    measured.waited(300_000)
    assert not measured.busy, "one slow moment refuses nobody"
    for _ in range(20):
        clock += 0.5
        measured.lagged(0.01)
        measured.waited(5_000)
    assert not measured.busy
    for _ in range(20):
        clock += 0.5
        measured.lagged(0.3)
    assert measured.busy
    clock += 10
    assert not measured.busy, "over when nothing is slow any more"
    for _ in range(300):
        clock += 0.03
        measured.waited(300_000)
    assert measured.busy
