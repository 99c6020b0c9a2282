"""The commands of the load tester: loadtest, compare, record."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer
from aiortc import RTCIceServer
from rich.console import Console
from rich.markup import escape

from deploy import folder
from deploy.environment import SettingsError
from deploy.environment import read as read_settings
from deploy.ports import listens
from deploy.supervisor import System, SystemSettings
from loadtest import capacity, capture, expected, html, progress, prometheus, slo, turn
from loadtest import compare as comparing
from loadtest import record as capturing
from loadtest.compose import composed
from loadtest.processes import Endpoint, kind_of
from loadtest.profile import PROFILES
from loadtest.recording import (
    CODECS,
    Recording,
    RecordingError,
    default_cache,
    digest,
    load_all,
)
from loadtest.result import Options, Result, ResultError, read
from loadtest.run import SETTLE_S, Plan, RunError, run
from loadtest.session import Target
from loadtest.stages import BusError
from loadtest.whip import Network

BROKEN, UNUSABLE, DISTRUSTED = 1, 2, 3
"""Exit codes: an objective broke; the test could not be run; its figures can't be trusted."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ERRORS = (
    BusError,
    RecordingError,
    ResultError,
    RunError,
    SettingsError,
    capture.CaptureError,
    folder.FolderError,
    prometheus.PrometheusError,
    slo.SloError,
    turn.TurnError,
)
MAX_CAPACITY = 256
ANSWER_TIMEOUT_S = 5.0
"""An endpoint without load that takes longer answers nobody."""

RESULT, PAGE = "result.json", "report.html"
EARLIER = "earlier-"
"""An older RESULT and PAGE are kept under this prefix: they must not pass for the new run's."""


def loadtest(
    url: Annotated[str, typer.Option(help="base URL of a Greenroom")] = "http://127.0.0.1:8080",
    whip: Annotated[
        str, typer.Option(help="a WHIP endpoint that is no Greenroom: join and media alone")
    ] = "",
    token: Annotated[
        str, typer.Option(envvar="GREENROOM_WHIP_TOKEN", help="bearer token for --whip")
    ] = "",
    recording: Annotated[
        list[Path] | None,
        typer.Option(help="video or sound files, folders of them; with --at bus a capture"),
    ] = None,
    sessions: Annotated[int, typer.Option(min=1, max=1000)] = 1,
    ramp: Annotated[float, typer.Option(min=0, help="seconds over which sessions join")] = 2.0,
    duration: Annotated[float, typer.Option(min=3, help="seconds after the ramp")] = 30.0,
    profile: Annotated[str, typer.Option(help=f"network: {', '.join(PROFILES)}")] = "perfect",
    seed: Annotated[int, typer.Option(help="of the network's losses and delays")] = 0,
    codec: Annotated[str, typer.Option(help=f"of the video: {', '.join(CODECS)}")] = "VP8",
    layers: Annotated[
        bool, typer.Option("--layers", help="two temporal layers, as the page asks browsers for")
    ] = False,
    burn: Annotated[
        bool, typer.Option("--burn", help="burn identity into picture and sound; needs --nats")
    ] = False,
    at: Annotated[str, typer.Option(help="whip, or bus: publish a capture to NATS")] = "whip",
    nats: Annotated[str, typer.Option(help="NATS of the deployment: latency by stage")] = "",
    metrics: Annotated[
        list[str] | None, typer.Option(help="a process's endpoint, NAME=URL; repeat")
    ] = None,
    no_metrics: Annotated[bool, typer.Option("--no-metrics", help="ask no process")] = False,
    ask_prometheus: Annotated[
        str, typer.Option("--prometheus", help="base URL of a Prometheus to ask at the end")
    ] = "",
    slo_file: Annotated[
        Path | None, typer.Option("--slo", help="objectives (YAML); 'default' for the design's")
    ] = None,
    find_capacity: Annotated[
        bool, typer.Option("--find-capacity", help="raise the sessions until an objective breaks")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_CAPACITY, help="the most that --find-capacity tries")
    ] = 24,
    ice_server: Annotated[list[str] | None, typer.Option(help="stun: or turn: URL")] = None,
    ice_username: Annotated[str, typer.Option()] = "",
    ice_credential: Annotated[str, typer.Option(envvar="GREENROOM_ICE_CREDENTIAL")] = "",
    out: Annotated[Path, typer.Option(help="folder for result.json and report.html")] = Path("out"),
) -> None:
    """Replay recordings as real WebRTC clients and measure what they get.

    Exit code 0: every objective was kept, or a capacity found; 1: one broke, at once with
    --find-capacity; 2: the test could not be run; 3: its figures can't be trusted, as when the
    load generator was too busy, clocks do not agree, or the run was broken off: after one Ctrl-C
    what was measured until then is written. With --find-capacity the result is that of the most
    sessions that held.
    """
    console = Console()
    codec = codec.upper()
    try:
        _check_choices(profile, codec, at)
        folder.make(out)  # before a run is spent on it
        target = Target(
            url=_checked_url("--url", url).rstrip("/"),
            whip=whip and _checked_url("--whip", whip),
            token=token,
        )
        options = Options(
            target=target.name,
            at=at,
            recordings=[],
            sessions=sessions,
            ramp_s=ramp,
            duration_s=duration,
            profile=profile,
            seed=seed,
            codec=codec,
            burn=burn,
            layers=layers,
            nats=bool(nats),
        )
        servers = [RTCIceServer(u, ice_username, ice_credential) for u in ice_server or []]
        for server in servers:
            asyncio.run(turn.check(server))
        if ask_prometheus:
            prometheus.check(ask_prometheus)
        if whip and (nats or burn):
            raise RunError("--nats and --burn need a Greenroom: leave them out with --whip")
        if find_capacity and sessions != 1:
            raise RunError("--find-capacity tries numbers of its own: say --limit, not --sessions")
        if (burn or at == "bus") and not nats:
            raise RunError("this reads from and writes to the bus: give --nats URL")
        if at == "bus" and profile != "perfect":
            raise RunError("--profile is the network of WebRTC clients: --at bus has none")
        plan = Plan(
            target=target,
            recordings=[],
            options=options,
            nats_url=nats,
            endpoints=[] if no_metrics else _endpoints(metrics or [], target),
            objectives=_objectives(slo_file, target),
            network=Network(ice_servers=servers),
        )
        prepare = _with_capture if at == "bus" else _with_recordings
        _check_answer(target)
        plan = prepare(plan, recording or [], console)
        _set_aside(out)
        if find_capacity:
            found = _search(plan, limit, console)
            result, trusted, kept = found.result, found.trusted, found.sessions > 0
        else:
            found, result = None, _run(plan, console)
            trusted, kept = result.trusted, result.kept
        unasked = ""
        try:
            if ask_prometheus and not result.broken_off:
                _ask(ask_prometheus, result)
        except prometheus.PrometheusError as error:  # the verdict does not rest on it
            unasked = str(error)
        _write(result, out)  # first of all: nothing that is said of a result may lose it
        if found:
            _say_capacity(found, console)
        else:
            progress.summary(result, console)
        if result.prometheus:
            progress.from_prometheus(result, console)
        if unasked:
            print(f"greenroom: {unasked}", file=sys.stderr)
        _say_where(out, console)
    except ERRORS as error:
        print(f"greenroom: {error}", file=sys.stderr)
        raise typer.Exit(UNUSABLE) from error
    if not trusted:
        raise typer.Exit(DISTRUSTED)
    raise typer.Exit(0 if kept else BROKEN)


def _ask(url: str, result: Result) -> None:
    options = result.options
    end = result.started + timedelta(seconds=options.ramp_s + options.duration_s)
    steady_s = max(1.0, options.duration_s - SETTLE_S)
    result.prometheus = prometheus.ask(url, end, steady_s)


def _check_choices(profile: str, codec: str, at: str) -> None:
    for value, known, what in (
        (profile, PROFILES, "profile"),
        (codec, CODECS, "codec"),
        (at, ("whip", "bus"), "place (--at)"),
    ):
        if value not in known:
            raise RunError(f"{value} is no {what}: take one of {', '.join(known)}")


def _checked_url(option: str, text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise RunError(f"{option} {text}: is no URL ({error}); write http://HOST:PORT") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise RunError(f"{option} {text}: is no URL; write http://HOST:PORT")
    return text


def _check_answer(target: Target) -> None:
    """Whatever it says: before recordings are encoded for nobody."""
    try:
        httpx.get(target.name, timeout=ANSWER_TIMEOUT_S, follow_redirects=True)
    except httpx.HTTPError as error:
        what_to_do = (
            "is the address right, and open from here?"
            if target.whip
            else "start it with `greenroom run`, or give --url"
        )
        raise RunError(f"nothing answers at {target.name} ({error}): {what_to_do}") from error


def _set_aside(out: Path) -> None:
    for name in (RESULT, PAGE):
        if (out / name).exists():
            (out / name).replace(out / f"{EARLIER}{name}")


def _objectives(path: Path | None, target: Target) -> list[slo.Objective]:
    if path is None:
        return []
    return _default_objectives(target) if str(path) == "default" else slo.load(path)


def _default_objectives(target: Target) -> list[slo.Objective]:
    return slo.default(greenroom=not target.whip)


def _endpoints(named: list[str], target: Target) -> list[Endpoint]:
    """Those named; otherwise the gateway's, and on this machine those of `greenroom run`."""
    if named:
        endpoints: list[Endpoint] = []
        for text in named:
            name, sign, url = text.partition("=")
            if not (sign and name):
                raise RunError(
                    f"--metrics {text}: write NAME=URL, such as face=http://host:9401/metrics"
                )
            if any(name == endpoint.name for endpoint in endpoints):
                raise RunError(f"--metrics {text}: {name} is named twice; write {name}-0, {name}-1")
            endpoints.append(Endpoint(name, _checked_url("--metrics", url)))
        return endpoints
    if target.whip:
        return []
    ports: dict[str, int] = {}
    if urlsplit(target.url).hostname in LOOPBACK:
        planned = System(read_settings(SystemSettings)).metrics_ports()
        ports = {name: port for name, port in planned.items() if listens(port)}
    found = [Endpoint(name, f"http://127.0.0.1:{port}/metrics") for name, port in ports.items()]
    if not any(kind_of(name) == "gateway" for name in ports):
        found.insert(0, Endpoint("gateway", f"{target.url}/metrics"))
    return found


def _with_capture(plan: Plan, paths: list[Path], console: Console) -> Plan:
    if len(paths) != 1:
        raise RunError("--at bus takes one --recording, a file of greenroom record")
    started, messages = capture.read(paths[0])
    if not messages:
        raise RunError(f"{paths[0]}: holds no media: was the session connected?")
    console.print(f"{len(messages)} messages over {messages[-1].at_us / 1e6:.1f} s")
    options = plan.options.model_copy(
        update={"recordings": [paths[0].name], "digests": [digest(paths[0])]}
    )
    return replace(plan, options=options, capture=(started, messages))


def _with_recordings(plan: Plan, paths: list[Path], console: Console) -> Plan:
    if not paths:
        console.print("No recording given: composing one from a photograph and read speech.")
        paths = [composed(default_cache())]
    options = plan.options
    with console.status("Encoding what is not in the cache yet"):
        recordings = load_all(paths, codec=options.codec, burn=options.burn, layered=options.layers)
    for made in recordings:
        _warn(made, console)
    beside = {made.path: expected.beside(made.path) for made in recordings}
    found = {path: known for path, known in beside.items() if known is not None}
    names = [recording.name for recording in recordings]
    digests = [recording.digest for recording in recordings]
    return replace(
        plan,
        recordings=recordings,
        options=options.model_copy(update={"recordings": names, "digests": digests}),
        expectations=found,
    )


def _warn(recording: Recording, console: Console) -> None:
    name = escape(recording.name)
    if not recording.audio:
        console.print(
            f"[yellow]{name} has no audio:[/] voice and answers get nothing from it, "
            "and no hint on speech can come."
        )
    if not recording.video:
        console.print(f"[yellow]{name} has no video:[/] face and gesture get nothing.")


def _run(plan: Plan, console: Console) -> Result:
    with progress.shown(console) as show:
        return run(plan, show)


def _search(plan: Plan, limit: int, console: Console) -> capacity.Capacity:
    if not plan.objectives:
        plan = replace(plan, objectives=_default_objectives(plan.target))
    search = capacity.Search(limit)

    def at(sessions: int) -> Result:
        console.print(f"[bold]{sessions} sessions[/]")
        options = plan.options.model_copy(update={"sessions": sessions})
        result = _run(replace(plan, options=options), console)
        progress.summary(result, console)
        return result

    return capacity.find(search, at)


def _say_capacity(found: capacity.Capacity, console: Console) -> None:
    least = "" if found.trusted else "at least "
    unjudged = f" ({found.result.unjudged})" if found.result.unjudged else ""
    console.print(
        f"\n[bold]Capacity: {least}{found.sessions} sessions[/] kept every objective{unjudged}.",
        highlight=False,
    )
    if found.result.broken_off:
        console.print("The search did not come to its end:")
    elif not found.trusted:
        console.print("The search ended where figures can't be trusted, not at the system's limit:")
    elif not found.culprits:
        further = "" if found.sessions >= MAX_CAPACITY else ": raise --limit to go on"
        console.print(f"Nothing broke up to {found.sessions}{further}.")
    for words in found.culprits:
        console.print(f"  {escape(words)}", highlight=False)


def _write(result: Result, out: Path) -> None:
    try:
        result.write(out / RESULT)
        html.write(result, out / PAGE)
    except OSError as error:
        raise folder.FolderError(out, error, folder.ANOTHER_OUT) from error


def _say_where(out: Path, console: Console) -> None:
    width = shutil.get_terminal_size().columns
    words = escape(f"Result: {out / RESULT} and {out / PAGE}")
    console.print(words, width=max(80, width))


def compare(
    before: Annotated[Path, typer.Argument(help="result.json of the first run")],
    after: Annotated[Path, typer.Argument(help="result.json of the second run")],
) -> None:
    """Put two load tests' results side by side."""
    console = Console()
    try:
        first, second = read(before), read(after)
    except ResultError as error:
        print(f"greenroom: {error}", file=sys.stderr)
        raise typer.Exit(UNUSABLE) from error
    for words in comparing.differing_options(first, second):
        console.print(f"[yellow]not alike[/] {escape(words)}", highlight=False)
    for words in comparing.doubts(first, second):
        console.print(f"[bold red]can't be trusted[/] {escape(words)}", highlight=False)
    console.print(comparing.table(first, second))


def record(
    session: Annotated[str, typer.Argument(help="id of a session that runs")],
    nats: Annotated[str, typer.Option(help="NATS of the deployment")] = "nats://127.0.0.1:4222",
    out: Annotated[Path, typer.Option(help="file to write")] = Path("session.greenroom"),
    duration: Annotated[float, typer.Option(help="seconds at most")] = 600.0,
) -> None:
    """Capture a session's media and events from the bus, if its candidate agreed to that."""

    def began() -> None:
        print(f"Capturing until the session ends, {duration:.0f} s at most", flush=True)

    try:
        with capture.Writer(out) as writer:
            asyncio.run(capturing.record(nats, session, writer, duration, began))
    except (BusError, SettingsError, capture.CaptureError) as error:
        print(f"greenroom: {error}", file=sys.stderr)
        raise typer.Exit(UNUSABLE) from error
    lost = f", {writer.lost} lost: the disk is too slow" if writer.lost else ""
    print(f"{writer.count} messages in {out}{lost}")
