"""What the commands work out before a run."""

import contextlib
import socket
import wave
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy.cli import app
from deploy.ports import free_port
from loadtest import cli
from loadtest.prometheus import PrometheusError
from loadtest.result import Options, Result, read
from loadtest.run import LoadTest, Plan
from loadtest.session import LoadSession, Target
from tests.loadtest.made import result
from tests.system.conftest import free_range

LOCAL = Target(url="http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("gateways", "workers", "names"),
    [
        (1, 1, "gateway aggregator face gesture voice answers"),
        (2, 1, "aggregator gateway-0 gateway-1 face gesture voice answers"),
        (
            1,
            2,
            "gateway aggregator face-0 face-1 gesture-0 gesture-1 voice-0 voice-1 "
            "answers-0 answers-1",
        ),
    ],
)
def test_each_process_of_this_machine_is_asked_by_its_name(
    gateways: int, workers: int, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = free_range()
    monkeypatch.setenv("GREENROOM_METRICS_BASE_PORT", str(base))
    monkeypatch.setenv("GREENROOM_GATEWAYS", str(gateways))
    monkeypatch.setenv("GREENROOM_WORKERS", str(workers))
    expected = names.split()
    own = [name for name in expected if name != "gateway"]
    with contextlib.ExitStack() as stack:
        for number in range(len(own)):
            stack.enter_context(socket.create_server(("127.0.0.1", base + number)))
        found = {endpoint.name: endpoint.url for endpoint in cli._endpoints([], LOCAL)}
    assert list(found) == expected
    for number, name in enumerate(own):
        assert found[name] == f"http://127.0.0.1:{base + number}/metrics"
    if gateways == 1:
        assert found["gateway"] == "http://127.0.0.1:8080/metrics"


def test_elsewhere_only_the_gateway_is_known() -> None:
    [found] = cli._endpoints([], Target(url="https://coach.example.org"))
    assert (found.name, found.url) == ("gateway", "https://coach.example.org/metrics")


def said(*arguments: str) -> str:
    """What ``greenroom loadtest`` says of a test that can't be run."""
    ran = CliRunner().invoke(app, ["loadtest", *arguments])
    assert ran.exit_code == cli.UNUSABLE, ran.output
    return ran.output


def test_results_that_could_not_be_written_are_known_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        assert "name another folder with --out" in said("--out", str(out))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "http://localhost:80a0"),
        ("--url", "localhost:8080"),
        ("--whip", "http://[::1"),
        ("--metrics", "face=http://localhost:80a0"),
    ],
)
def test_a_url_that_is_none(tmp_path: Path, arguments: tuple[str, str]) -> None:
    words = said(*arguments, "--out", str(tmp_path))
    assert "is no URL" in words
    assert arguments[0] in words


def test_nothing_answers(tmp_path: Path) -> None:
    """Said before a recording is looked at."""
    url = f"http://127.0.0.1:{free_port()}"
    for metrics in ([], ["--no-metrics"]):
        words = said("--url", url, "--recording", "/none.mp4", *metrics, "--out", str(tmp_path))
        assert f"nothing answers at {url}" in words
        assert "greenroom run" in words
    assert "is the address right" in said("--whip", url, "--out", str(tmp_path))


def test_a_network_where_there_is_none(tmp_path: Path) -> None:
    bus = ("--at", "bus", "--nats", "nats://127.0.0.1", "--out", str(tmp_path))
    assert "--at bus has none" in said(*bus, "--profile", "wifi")


def test_an_earlier_result_does_not_pass_for_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("old")
    cli._set_aside(tmp_path)
    assert not (tmp_path / "result.json").exists()
    assert (tmp_path / "earlier-result.json").read_text() == "old"


def ran(
    out: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, made: Result | None = None
) -> tuple[int, str]:
    """(exit code, what was said) of a run that finds what is given, without any endpoint."""
    monkeypatch.setattr(cli, "_check_answer", lambda _: None)
    monkeypatch.setattr(cli, "_with_recordings", lambda plan, *_: plan)
    monkeypatch.setattr(cli, "run", lambda *_: made or result())
    command = ["loadtest", "--no-metrics", "--out", str(out), *arguments]
    invoked = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    return invoked.exit_code, invoked.output


def test_the_result_is_written_before_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("loadtest.progress.summary", closed)
    ran(tmp_path, monkeypatch)
    assert read(tmp_path / "result.json").metrics == result().metrics


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--whip http://h --nats nats://h", "need a Greenroom"),
        ("--whip http://h --burn", "need a Greenroom"),
        ("--find-capacity --sessions 4", "say --limit"),
        ("--metrics =http://h/metrics", "such as face=http://host:9401/metrics"),
        ("--metrics a=http://h/metrics --metrics a=http://i/metrics", "a is named twice"),
        ("--find-capacity --limit 257", "or equal to 256"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, arguments: str, says: str) -> None:
    assert says in said(*arguments.split(), "--out", str(tmp_path))


def test_a_prometheus_that_fails_at_the_end_leaves_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise PrometheusError("does not answer")

    monkeypatch.setattr("loadtest.prometheus.check", lambda _: None)
    monkeypatch.setattr("loadtest.prometheus.ask", away)
    asking = ("--prometheus", "http://h")
    for kept, code in ((True, 0), (False, cli.BROKEN)):
        got, words = ran(tmp_path, monkeypatch, *asking, made=result(kept=kept))
        assert got == code, words
        assert "does not answer" in words


def test_a_setting_that_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_HTTP_PORT", "80a")
    assert "GREENROOM_HTTP_PORT=80a" in said("--out", str(tmp_path))


def test_files_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected of one is not held against another of the same name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with wave.open(str(tmp_path / name / "clip.wav"), "wb") as sound:
            sound.setparams((1, 2, 48_000, 0, "NONE", ""))
            sound.writeframes(bytes(2 * 4_800))
    (tmp_path / "one" / "clip.expected.yaml").write_text("never: [slow_down]")
    options = Options(target="", recordings=[], sessions=1, ramp_s=0, duration_s=3)
    folders = [tmp_path / "one", tmp_path / "two"]
    plan = cli._with_recordings(Plan(LOCAL, [], options), folders, Console(quiet=True))
    assert [made.name for made in plan.recordings] == ["clip.wav", "clip.wav"]
    assert len(plan.options.digests) == 2
    assert len(set(plan.options.digests)) == 1, "their content is the same"
    assert plan.expectations.keys() == {tmp_path / "one" / "clip.wav"}
    first, second = (LoadTest(plan)._session(number, None, None) for number in range(2))
    assert isinstance(first, LoadSession)
    assert isinstance(second, LoadSession)
    assert first.expectation is not None
    assert second.expectation is None
