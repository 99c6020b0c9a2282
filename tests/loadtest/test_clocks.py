"""Clocks that differ are noticed, in both directions; slow messages are not taken for it."""

import httpx
import pytest

from loadtest.clocks import Clocks

SENT_US = 1_700_000_000_000_000
MS = 1000


def clocks(took_ms: list[float], round_trip_ms: float = 1.0) -> Clocks:
    """After messages of one process that seemed to take so long."""
    made = Clocks()
    for slower in (7, 1, 3):
        made.went_round(round(slower * round_trip_ms * MS))
    for ms in took_ms:
        made.heard("face-0", SENT_US, SENT_US + round(ms * MS))
    return made


@pytest.mark.parametrize(
    ("took_ms", "round_trip_ms"),
    [
        ([1 + n % 50 for n in range(40)], 1.0),
        ([45 + n % 50 for n in range(40)], 85.0),  # NATS is far away
        ([400, 60, 80], 1.0),  # few, each of which waited for a core
        ([], 0.0),
    ],
)
def test_clocks_that_agree(took_ms: list[float], round_trip_ms: float) -> None:
    assert clocks(took_ms, round_trip_ms).doubts() == []


@pytest.mark.parametrize("behind_ms", [5_000, 300, 30])
def test_this_clock_is_behind(behind_ms: float) -> None:
    """One message that came before it was sent is enough."""
    [said] = clocks([900, 0.5 - behind_ms]).doubts()
    assert f"{behind_ms:.0f} ms behind that of face-0" in said


@pytest.mark.parametrize("ahead_ms", [5_000, 300, 30])
def test_this_clock_is_ahead(ahead_ms: float) -> None:
    [said] = clocks([0.5 + n % 50 + ahead_ms for n in range(40)]).doubts()
    assert f"{ahead_ms:.0f} ms ahead of that of face-0" in said


def test_without_the_bus_the_gateways_seconds_count() -> None:
    made = Clocks()
    made.dated(SENT_US, SENT_US + 1_900 * MS, SENT_US + 1_950 * MS)  # a date may be so old
    made.dated(SENT_US, SENT_US - 20 * MS, SENT_US + 10 * MS)
    assert made.doubts() == []
    made.dated(SENT_US, SENT_US + 5_000 * MS, SENT_US + 5_010 * MS)
    assert "3000 ms ahead of that of the gateway" in made.doubts()[0]
    made.dated(SENT_US, SENT_US - 4_010 * MS, SENT_US - 4_000 * MS)
    assert "4000 ms behind that of the gateway" in made.doubts()[0]


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
async def test_a_server_that_tells_no_time(headers: dict[str, str]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers)

    made = Clocks()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await made.ask(http, "http://gateway/healthz")
    async with httpx.AsyncClient() as http:
        await made.ask(http, "http://127.0.0.1:9/healthz")
    assert made.doubts() == []
