"""The latency bench: a result and its frame's sending are matched, and the whole command."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.signals_pb2 import Accounting, Signal, Trace, TranscriptSegment

from loadtest.bench_latency import CASES, FRAME_TO_RESULT, Case, Outcome, Results
from loadtest.figures import Summary
from loadtest.latency_worker import KIND
from loadtest.stages import Stages
from tests.conftest import REPOSITORY

SENT = {7: 1_000_000}


def result_of(number: int) -> Signal:
    trace = Trace(published_us=1_003_000, received_us=1_004_000, emitted_us=1_009_000)
    return Signal(kind=KIND, trace=trace, transcript=TranscriptSegment(utterance=number))


def account(kind: Kind.ValueType, *, final: bool) -> Signal:
    dropped = {"superseded": 3, "stale": 1}
    accounting = Accounting(received=10, processed=6, dropped=dropped, final=final)
    return Signal(kind=kind, accounting=accounting)


def test_a_result_is_matched_with_its_sending() -> None:
    stages = Stages()
    results = Results(SENT.get, stages)
    results.take(result_of(7), 1_010_000)
    assert results.count == 1
    assert results.unmatched == 0
    assert {name: list(s.values) for name, s in stages.samples.items()} == {
        FRAME_TO_RESULT: [10],
        "sent to published": [3],
        "published to received": [1],
        "received to emitted": [5],
        "emitted to arrived": [1],
    }


def test_a_result_of_no_known_frame() -> None:
    stages = Stages()
    results = Results(SENT.get, stages)
    results.take(result_of(8), 1_010_000)
    assert (results.count, results.unmatched) == (1, 1)
    assert not stages.samples


def test_accounts() -> None:
    results = Results(SENT.get, Stages())
    results.take(account(Kind.KIND_GATEWAY_VIDEO, final=True), 0)
    results.take(account(Kind.KIND_GATEWAY_AUDIO, final=True), 0)
    assert not results.final.is_set()
    results.take(account(KIND, final=True), 0)
    assert results.final.is_set()
    counts = {"received": 10, "processed": 6, "dropped:stale": 1, "dropped:superseded": 3}
    assert results.accounts == {"gateway": counts, "analysis": counts}
    assert results.count == 0


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (Case(0, "p50", 8), "met"),
        (Case(0, "p50", 7.9), "missed"),
        (Case(45, "p99", 90), "met"),
        (Case(45, "p99", 89), "missed"),
    ],
)
def test_verdict(case: Case, verdict: str) -> None:
    stages = {FRAME_TO_RESULT: Summary(count=9, p50=8, p95=50, p99=90, max=99)}
    assert Outcome(stages, 9, {}, []).verdict(case) == verdict


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_the_command(shared_data: Path, tmp_path: Path) -> None:
    """Every frame is accounted for, each that was analysed has a result; no speed is asked."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "loadtest.bench_latency", "--seconds", "4", "--out", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=REPOSITORY,
        env=os.environ | {"COLUMNS": "200"},
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    text = await asyncio.to_thread((tmp_path / "bench-latency.json").read_text)
    trivial, slow = json.loads(text)["cases"]
    for case, got in zip(CASES, (trivial, slow), strict=True):
        assert got["work_ms"] == case.work_ms
        assert got["result"] in ("met", "missed")
        for counts in got["accounts"].values():
            dropped = sum(n for name, n in counts.items() if name.startswith("dropped:"))
            assert counts["received"] == counts["processed"] + dropped, said
        assert got["accounts"]["gateway"]["received"] > 0
        assert got["results"] == got["accounts"]["analysis"]["processed"], said
        assert 0 < got["stages_ms"][FRAME_TO_RESULT]["count"] <= got["results"]
    assert slow["accounts"]["analysis"]["dropped:superseded"] > 0, said
    assert slow["stages_ms"][FRAME_TO_RESULT]["p50"] > CASES[1].work_ms
