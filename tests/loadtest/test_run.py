"""The whole command against the whole system: figures, exit codes, the page."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from greenroom.v1.capture_pb2 import Captured, CaptureStarted
from greenroom.v1.media_pb2 import AudioChunk, VideoFrame
from greenroom.v1.signals_pb2 import Signal
from nats.aio.msg import Msg

from loadtest import capture
from loadtest.bus_replay import looped, rebased
from loadtest.client import Client
from loadtest.receivers import receiver
from loadtest.result import read
from loadtest.stages import connect
from services.runtime.media import MICROSECONDS
from tests.system.conftest import BODY, Greenroom, recording, start, stop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DEMO = "video_talking/latentsync_demo3_gestures_en.mp4"
GREENROOM = str(Path(sys.executable).parent / "greenroom")
SESSIONS = 2
CAPTURED_S = 8
EARLY_US = 20_000
"""By which a message may seem to come before its time: two clocks, and a timer's resolution."""


@pytest.fixture(scope="module")
def greenroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    running = start(tmp_path_factory.mktemp("greenroom"))
    yield running
    stop(running)


async def command(*arguments: str) -> tuple[int, str]:
    """(exit code, all that it said) of ``greenroom``."""
    process = await asyncio.create_subprocess_exec(
        GREENROOM,
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"COLUMNS": "200"},
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_two_sessions(greenroom: Greenroom, shared_data: Path, tmp_path: Path) -> None:
    """Everything is measured, all accounts come out, the objectives decide the exit code."""
    objectives = (
        'failed: "== 0 %"\naccounting_errors: "== 0"\nreports_complete: "== 100 %"\n'
        'glass_to_signal_face_p50: "< 5 s"\nburnt_video_p50: "< 5 s"\n'
    )
    await asyncio.to_thread((tmp_path / "kept.yaml").write_text, objectives)
    code, said = await command(
        *("loadtest", "--url", greenroom.url, "--nats", greenroom.nats_url),
        *("--recording", str(shared_data / DEMO), "--sessions", str(SESSIONS)),
        *("--ramp", "1", "--duration", "10", "--burn", "--slo", str(tmp_path / "kept.yaml")),
        *("--metrics", f"gateway={greenroom.url}/metrics", "--out", str(tmp_path)),
    )
    # 3: a machine that does other things too; the figures are there all the same.
    assert code in (0, 3), said
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    assert (code == 3) == (not result.trusted)
    assert result.kept, said
    assert [s.outcome for s in result.sessions] == ["completed"] * SESSIONS
    assert [s.report for s in result.sessions] == ["complete"] * SESSIONS
    assert all(s.packets_sent["video"] > 0 for s in result.sessions)
    for stage in ("bus_face", "face", "gesture", "voice", "glass_to_signal_voice", "burnt_audio"):
        assert result.stages[stage].count > 0, stage
    assert result.stages["packet_late"].count > SESSIONS, "each second of each session"
    beside = [(c.reported, c.counted) for c in result.counts if c.kind == "gateway_video"]
    assert beside
    assert all(counted is not None and counted >= reported for reported, counted in beside)
    for share in ("bus_lost_face", "bus_lost_gesture", "bus_lost_voice", "concealed"):
        assert 0 <= result.metrics[share] < 100, share
    assert result.metrics["burnt_unread"] < 100
    assert 1 < result.metrics["frames_per_second"] <= 16
    assert result.processes["gateway"].cores > 0
    page = await asyncio.to_thread((tmp_path / "report.html").read_text)
    assert "Plotly.newPlot" in page


@dataclass
class Heard:
    """What the bus carried of one session."""

    media: list[VideoFrame | AudioChunk] = field(default_factory=list)
    face_us: int = 0
    """From here on its face was looked at."""

    @property
    def frame_times_us(self) -> list[int]:
        return [m.header.capture_time_us for m in self.media if isinstance(m, VideoFrame)]

    def check_replay(self, started: CaptureStarted, messages: list[Captured]) -> None:
        """All that was captured, in its order and never before its time, over the seam too."""
        captured_us = next(
            media.header.capture_time_us for each in messages if (media := _media(each)) is not None
        )
        began_us = self.media[0].header.capture_time_us - captured_us + started.time_us
        numbers: Counter[type] = Counter()
        got = iter(self.media)
        for at_us, message, shift_us in looped(started, messages, began_us):
            if (media := _media(message)) is None:
                continue
            if (heard := next(got, None)) is None:
                break
            number = numbers[type(media)]
            numbers[type(media)] += 1
            expected = rebased(media, heard.header.session_id, number, shift_us)
            expected.publish_time_us = heard.publish_time_us
            assert heard == expected
            assert heard.publish_time_us >= began_us + at_us - EARLY_US
        assert at_us > 1.5 * messages[-1].at_us


def _media(message: Captured) -> VideoFrame | AudioChunk | None:
    if message.HasField("video"):
        return message.video
    return message.audio if message.HasField("audio") else None


@contextlib.asynccontextmanager
async def listening(greenroom: Greenroom) -> AsyncIterator[dict[str, Heard]]:
    """To every session from now on."""
    heard: dict[str, Heard] = defaultdict(Heard)

    async def take(raw: Msg) -> None:
        prefix, session_id, kind = raw.subject.split(".")
        if prefix == "media":
            message = VideoFrame if kind == "video" else AudioChunk
            heard[session_id].media.append(message.FromString(raw.data))
        elif not heard[session_id].face_us:
            heard[session_id].face_us = Signal.FromString(raw.data).start_us

    connection = await connect(greenroom.nats_url)
    try:
        for subject in ("media.*.*", "signals.*.face"):
            await connection.subscribe(subject, cb=take)
        await connection.flush()
        yield heard
        await connection.flush()
    finally:
        await connection.close()


async def test_a_captured_session_at_the_bus(
    greenroom: Greenroom, shared_data: Path, tmp_path: Path
) -> None:
    """A session over WebRTC is captured by the command, and loads the services as two."""
    path = tmp_path / "session.greenroom"
    consent = {"camera": True, "microphone": True, "training": True}
    async with Client.create(greenroom.url, BODY | {"consent": consent}) as client:
        capturing = await asyncio.create_subprocess_exec(
            GREENROOM,
            *("record", client.session_id, "--nats", greenroom.nats_url, "--out", str(path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert capturing.stdout is not None
        assert b"Capturing" in await capturing.stdout.readline()
        await client.join(await recording(shared_data / DEMO), CAPTURED_S)
        await client.ask(client.created["questions"][0]["id"])
        await client.until_sent()
        await client.end()
        said, _ = await capturing.communicate()
    assert capturing.returncode == 0, said
    assert b"lost" not in said
    started, messages = await asyncio.to_thread(capture.read, path)
    seconds = 2 * messages[-1].at_us / MICROSECONDS
    async with listening(greenroom) as heard:
        code, words = await command(
            *("loadtest", "--at", "bus", "--url", greenroom.url, "--nats", greenroom.nats_url),
            *("--recording", str(path), "--sessions", str(SESSIONS), "--ramp", "1"),
            *("--duration", str(seconds), "--no-metrics", "--out", str(tmp_path)),
        )
    assert code in (0, 3), words
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    assert [s.outcome for s in result.sessions] == ["completed"] * SESSIONS, words
    assert [s.report for s in result.sessions] == ["complete"] * SESSIONS
    assert result.metrics["accounting_errors"] == 0
    assert result.metrics["frames_per_second"] > 0
    assert len(heard) == SESSIONS
    for each in heard.values():
        each.check_replay(started, messages)
    for kind in ("face", "gesture", "voice"):
        assert 0 <= result.metrics[f"bus_lost_{kind}"] < 100, kind
    for stage in ("capture_to_publish_video", "bus_voice", "face", "gesture", "transcript"):
        assert result.stages[stage].count > 0, stage
    for session in result.sessions:
        for kind in ("face", "gesture", "voice"):
            assert session.accounting[kind]["processed"] > 0, kind
    # Each frame since faces are looked at, but for what a worker that stood still had not yet
    # read at the end.
    received = sum(session.accounting["face"]["received"] for session in result.sessions)
    times = [(each.face_us, each.frame_times_us) for each in heard.values()]
    assert received <= sum(len(all_us) for _, all_us in times)
    assert received >= sum(
        since_us <= at_us < all_us[-1] - MICROSECONDS
        for since_us, all_us in times
        for at_us in all_us
    )


async def test_a_broken_objective_and_a_lossy_network(
    greenroom: Greenroom, shared_data: Path, tmp_path: Path
) -> None:
    objectives = 'join_p95: "< 0.001 ms"\n'
    await asyncio.to_thread((tmp_path / "broken.yaml").write_text, objectives)
    code, said = await command(
        *("loadtest", "--url", greenroom.url, "--recording", str(shared_data / DEMO)),
        *("--profile", "bad", "--codec", "h264", "--duration", "8", "--no-metrics"),
        *("--slo", str(tmp_path / "broken.yaml"), "--out", str(tmp_path)),
    )
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    assert code == (1 if result.trusted else 3), said
    assert "BROKEN join_p95" in " ".join(said.split())
    [session] = result.sessions
    assert session.outcome == "completed", said
    assert session.packets_lost["video"] + session.packets_lost["audio"] > 0
    assert session.first_signal_ms is not None


async def test_one_ctrl_c_ends_a_run_with_what_it_measured(
    greenroom: Greenroom, shared_data: Path, tmp_path: Path
) -> None:
    """The sessions that joined end in order; the one that has not begun is not there."""
    running = await asyncio.create_subprocess_exec(
        GREENROOM,
        *("loadtest", "--url", greenroom.url, "--recording", str(shared_data / DEMO)),
        *("--sessions", "2", "--ramp", "600", "--duration", "600", "--no-metrics"),
        *("--out", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert running.stdout is not None
    said = ""
    while "1/2 sessions" not in said:
        line = await running.stdout.readline()
        assert line, said
        said += line.decode()
    running.send_signal(signal.SIGINT)
    rest, _ = await running.communicate()
    said += rest.decode()
    assert running.returncode == 3, said
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    assert result.broken_off
    assert not result.trusted
    assert "broken off after" in result.distrust[0]
    [session] = result.sessions
    assert (session.outcome, session.report) == ("completed", "complete"), said
    assert "broken off after" in await asyncio.to_thread((tmp_path / "report.html").read_text)


async def test_the_capacity_of_an_endpoint_that_is_no_greenroom(
    shared_data: Path, tmp_path: Path
) -> None:
    """Joining and media are all that it can be judged by."""
    async with receiver("loadtest.peers.bare") as (_, url):
        code, said = await command(
            *("loadtest", "--whip", f"{url}/whip", "--recording", str(shared_data / DEMO)),
            *("--find-capacity", "--limit", "1", "--duration", "4", "--out", str(tmp_path)),
        )
    result = await asyncio.to_thread(read, tmp_path / "result.json")
    judged = {slo.metric: slo.kept for slo in result.slo}
    assert judged.keys() == {"join_p95", "failed", "refused"}
    assert judged["failed"], said
    assert judged["refused"], said
    assert [s.outcome for s in result.sessions] == ["completed"]
    # How fast it was joined, and whether that can be trusted, is the machine's.
    assert code == (3 if not result.trusted else 0 if result.kept else 1), said
    assert ("Capacity: 1 sessions" in said) == (code == 0), said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--whip", "{url}/none", "--no-metrics"], "no session got through: /none: 405"),
        (["--metrics", "face={url}/none"], "no metrics at"),
        (["--nats", "nats://127.0.0.1:9", "--no-metrics"], "NATS at nats://127.0.0.1:9"),
        (["--profile", "moon"], "perfect, wifi, 4g, bad"),
        (["--slo", "/none.yaml"], "can't be read"),
        (["--at", "bus"], "give --nats"),
        (["--ice-server", "turn:127.0.0.1:9", "--no-metrics"], "does not answer"),
        (["--metrics", "face"], "write NAME=URL"),
    ],
)
async def test_what_can_not_be_run(
    greenroom: Greenroom, shared_data: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    code, said = await command(
        *("loadtest", "--url", greenroom.url, "--recording", str(shared_data / DEMO)),
        *(argument.format(url=greenroom.url) for argument in arguments),
        *("--duration", "3", "--out", str(tmp_path)),
    )
    assert code == 2, said
    assert says in " ".join(said.split())
