"""What is said at a run's end."""

import io
from typing import cast

from rich.console import Console

from loadtest import progress
from loadtest.result import SloResult
from tests.loadtest.made import result


def said(*, nats: bool) -> str:
    made = result()
    made.options.nats = nats
    unseen = SloResult(metric="glass_to_hint_p95", bound="< 1 s if measured", value=None, kept=True)
    missed = SloResult(metric="first_signal_p95", bound="< 3 s", value=None, kept=False)
    made.slo += [unseen, missed]
    console = Console(file=io.StringIO(), width=200)
    progress.summary(made, console)
    return cast(io.StringIO, console.file).getvalue()


def test_what_was_not_measured_was_not_kept() -> None:
    lines = said(nats=True).splitlines()
    assert "kept       face_p95 < 60 ms: 40 ms" in lines
    assert "not judged glass_to_hint_p95 < 1 s if measured: not measured" in lines
    assert "BROKEN     first_signal_p95 < 3 s: not measured" in lines
    assert "1 of 3 objectives were not judged: they were not measured" in lines


def test_what_needs_the_bus_says_so() -> None:
    assert "1 of 3 objectives were not judged: latency by stage needs --nats" in said(nats=False)
