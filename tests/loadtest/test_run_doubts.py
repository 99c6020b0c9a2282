"""What speaks against a run's figures, said in its result (the whole command: test_run.py)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from loadtest.client import HeardHint
from loadtest.processes import Endpoint
from loadtest.recording import Recording
from loadtest.result import Heard, Options, SessionResult
from loadtest.run import LoadTest, Plan, RunError
from loadtest.session import LoadSession, Target
from loadtest.stages import Stages
from loadtest.whip import Network
from services.runtime.bus import now_us

MS = 1000
OPTIONS = Options(target="", recordings=[], sessions=1, ramp_s=0, duration_s=3)


def test_an_impossible_hint_keeps_no_objective() -> None:
    """By a clock 300 ms behind the servers' a hint comes before it is decided."""
    test = LoadTest(Plan(Target(), [], OPTIONS))
    captured_us = now_us()
    decided_us = captured_us + 10 * MS
    message = {"trigger": "wrap_up", "capture_us": captured_us, "decided_us": decided_us}
    test._stages.hint(HeardHint(message, captured_us - 260 * MS, "channel"))
    assert not test._stages.samples
    [said] = test._doubts([])
    assert said.startswith("2 latencies were below -5 ms (from a capture: -250 ms) or above 60 s")
    assert "glass_to_hint, hint_delivery begin" in said


def test_packets_are_late_where_it_counts() -> None:
    """While others join, DTLS takes the loop's time; the figures are of the steady part."""
    test = LoadTest(Plan(Target(), [], OPTIONS))
    test._snapshots = [(10.0, 0.0, {}), (20.0, 1.0, {})]
    late = test._stages.samples["packet_late"]
    late.add(5.0, 300.0)
    late.add(15.0, 20.0)
    result = test._result(started=0.0, steady=10.0, ended=20.0)
    assert result.trusted
    assert result.metrics["packet_late_max"] == 20
    late.add(16.0, 300.0)
    result = test._result(started=0.0, steady=10.0, ended=20.0)
    assert result.distrust == ["a packet left 300 ms late"]


def test_media_that_does_not_come_over_this_bus() -> None:
    """A NATS that answers, but another deployment's."""
    test = LoadTest(Plan(Target(), [], OPTIONS))
    there = SessionResult(recording="a", outcome="completed", heard=Heard(samples=1))
    away = there.model_copy(update={"heard": Heard()})
    failed = away.model_copy(update={"outcome": "failed"})
    assert test._doubts([there, failed]) == []
    [said] = test._doubts([there, away, failed])
    assert said.startswith("the media of 1 of 2 sessions did not come")


@contextlib.asynccontextmanager
async def balancer(started_s: list[int]) -> AsyncIterator[str]:
    """The URL behind which so many processes answer, each with its time of starting: every
    connection gets the next one, for as long as it stays open."""
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        process = started_s[connections % len(started_s)]
        connections += 1
        body = b"process_start_time_seconds %d\nprocess_cpu_seconds_total 9000\n" % process
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                length = b"Content-Length: %d" % len(body)
                writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"


async def test_sessions_that_are_lost_late_keep_what_was_measured() -> None:
    test = LoadTest(Plan(Target(), [], OPTIONS))
    recording = Recording("a", 1.0, [], [])
    lost = LoadSession(Target(), recording, Network(), Stages())
    lost.result.error = "the connection was lost: failed"
    test._sessions = [lost]
    async with httpx.AsyncClient() as http:
        with pytest.raises(RunError, match="no session got through: the connection was lost"):
            await test._watch_over(http, 0.0, 0.0, [])
        lost.result.join_ms = 200.0
        await test._watch_over(http, 0.0, 0.0, [])
    result = await asyncio.to_thread(test._result, 0.0, 0.0, 1.0)
    assert result.metrics["failed"] == 100
    assert not result.kept


async def test_two_processes_at_one_address_are_not_taken_for_one() -> None:
    async with balancer([7, 9]) as both, balancer([8]) as one, httpx.AsyncClient() as http:
        endpoints = [Endpoint("face", both), Endpoint("voice", one)]
        test = LoadTest(Plan(Target(), [], OPTIONS, endpoints=endpoints))
        assert (await test._scrape(http)).keys() == {"face", "voice"}
        for _ in range(2):
            assert (await test._scrape(http)).keys() == {"voice"}
    [said] = test._doubts([])
    assert said.startswith(f"several processes answer at {both}")
    assert "--metrics face-0=URL" in said
