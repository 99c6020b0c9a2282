"""What is said at a run's end."""

import io
from typing import cast

from rich.console import Console

from loadtest import progress
from loadtest.result import ProcessResult, SessionResult, SloResult
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


def test_what_others_say_is_no_markup() -> None:
    """An endpoint's answer, a file's name, a process's: they are shown as they came."""
    foreign = "404 no handler for [/whip]"
    made = result(trusted=False)
    made.options.target = "http://here/[/]"
    made.distrust = [foreign]
    made.processes = {"face[/]": ProcessResult(cores=1, memory_mib=1, files=1)}
    made.sessions = [SessionResult(recording="a", outcome="failed", error=foreign)]
    made.prometheus = {"cores (job=[/])": 1.0}
    console = Console(file=io.StringIO(), width=200)
    progress.summary(made, console)
    progress.from_prometheus(made, console)
    words = cast(io.StringIO, console.file).getvalue()
    assert words.count(foreign) == 2
    for text in ("http://here/[/]", "face[/]", "cores (job=[/])"):
        assert text in words


def test_what_needs_the_bus_says_so() -> None:
    assert "1 of 3 objectives were not judged: latency by stage needs --nats" in said(nats=False)
