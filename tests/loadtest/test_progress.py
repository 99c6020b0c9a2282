"""What is said at a run's end."""

import io
from typing import cast

from rich.console import Console

from loadtest import progress
from loadtest.result import ProcessResult, SessionResult, SloResult
from loadtest.run import Status
from loadtest.stages import Stages
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
    made = result()
    unseen = SloResult(metric="face_p95", bound="< 1 s if measured", value=None, kept=True)
    made.slo.append(unseen)
    assert made.unjudged == "1 of 2 objectives were not judged: latency by stage needs --nats"
    made.slo.append(unseen.model_copy(update={"metric": "glass_to_hint_p95"}))
    assert made.unjudged.endswith("needs --nats, the others were not measured")
    hints = "1 of 3 objectives were not judged: they were not measured"
    assert hints in said(nats=False), "hints come without the bus too"


def test_the_first_session_is_named_once() -> None:
    console = Console(file=io.StringIO(), width=200)
    with progress.shown(console) as show:
        for session_id in ("", "abc", "abc"):
            show(Status(0, 9, 1, 1, 0, 0, 0, 0, Stages(), session_id))
    assert cast(io.StringIO, console.file).getvalue().count("First session: abc") == 1
