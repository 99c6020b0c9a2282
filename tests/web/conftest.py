"""The page in a real Chromium, its camera and microphone fed from a recording.

Tests here share one running system, and a module's tests one browser: they are coroutines on
the module's event loop (`pytestmark = MODULE_LOOP`), because a browser belongs to one loop.
"""

import asyncio
import shutil
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import psutil
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    ViewportSize,
    async_playwright,
    expect,
)

from loadtest.compose import composed
from loadtest.recording import default_cache
from tests.conftest import SHARED
from tests.system.conftest import Greenroom, start, stop

MODULE_LOOP = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

RECORDING = SHARED / "data" / "video_talking" / "latentsync_demo3_gestures_en.mp4"
FPS, WIDTH, HEIGHT, SAMPLE_RATE = 30, 640, 480, 48_000
ABOVE = 0.28
"""Share of what is cut off a tall picture that is cut off at the top."""

LAPTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)
PATIENCE_MS = 20_000
"""For what takes the system a second when the machine is its own."""

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class FakeMedia:
    """What the fake camera shows and the fake microphone hears, in a loop."""

    video: Path
    audio: Path

    def flags(self) -> list[str]:
        return [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self.video}",
            f"--use-file-for-fake-audio-capture={self.audio}",
        ]


def encode_media(source: Path, target: Path) -> FakeMedia:
    """Motion JPEG and PCM, the only forms that Chromium's fake devices read; made once."""
    stem = f"{source.stem}-{ABOVE}"
    media = FakeMedia(target / f"{stem}.mjpeg", target / f"{stem}.wav")
    if media.video.exists() and media.audio.exists():
        return media
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as directory:
        part = FakeMedia(Path(directory) / media.video.name, Path(directory) / media.audio.name)
        _encode_video(source, part.video)
        _encode_audio(source, part.audio)
        part.video.rename(media.video)
        part.audio.rename(media.audio)
    return media


def _encode_video(source: Path, target: Path) -> None:
    """VGA at 30 fps; of a portrait its upper part, as a laptop's camera would see the sitter."""
    cover = f"{WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase"
    crop = f"{WIDTH}:{HEIGHT}:(iw-ow)/2:(ih-oh)*{ABOVE}"
    with av.open(str(source)) as opened, av.open(str(target), "w", format="mjpeg") as sink:
        stream = opened.streams.video[0]
        graph = av.filter.Graph()
        chain: list[Any] = [
            graph.add_buffer(template=stream),
            graph.add("fps", str(FPS)),
            graph.add("scale", cover),
            graph.add("crop", crop),
            graph.add("format", "yuvj420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*chain).configure()
        out = sink.add_stream("mjpeg", rate=FPS, options={"qscale": "3"})
        out.width, out.height, out.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for frame in [*opened.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    scaled = graph.vpull()
                except (BlockingIOError, EOFError):
                    break
                sink.mux(out.encode(scaled))
        sink.mux(out.encode(None))


def _encode_audio(source: Path, target: Path) -> None:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(source)) as opened, wave.open(str(target), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(SAMPLE_RATE)
        for frame in [*opened.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                sink.writeframes(piece.to_ndarray().tobytes())


async def launch(playwright: Playwright, flags: list[str]) -> Browser:
    """Debian's Chromium, headless. Skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: make browser installs it on Debian")
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS + flags)


@pytest.fixture(scope="session")
def media() -> FakeMedia:
    source = RECORDING if RECORDING.exists() else composed(default_cache())
    return encode_media(source, default_cache().parent / "fake-media")


@pytest.fixture(scope="session")
def greenroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    running = start(tmp_path_factory.mktemp("greenroom"))
    yield running
    stop(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(playwright: Playwright, media: FakeMedia) -> AsyncIterator[Browser]:
    running = await launch(playwright, media.flags())
    yield running
    await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, greenroom: Greenroom) -> AsyncIterator[BrowserContext]:
    """A fresh profile that may use camera and microphone."""
    async with await browser.new_context(base_url=greenroom.url, viewport=LAPTOP) as fresh:
        await fresh.grant_permissions(["camera", "microphone"], origin=greenroom.url)
        yield fresh


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page on which nothing may go wrong unseen."""
    opened = await context.new_page()
    troubles = watch(opened)
    yield opened
    assert not troubles, "\n".join(troubles)


def watch(page: Page) -> list[str]:
    """Collects uncaught errors and what the content security policy refused."""
    troubles: list[str] = []

    def on_error(error: Error) -> None:
        troubles.append(f"{error.message}\n{error.stack}")

    def on_console(message: ConsoleMessage) -> None:
        # Plotly's bundle would bring a stylesheet for maps, which no view draws: refused.
        plotly = message.location["url"].endswith("/vendor/plotly.min.js")
        if message.type == "error" and "Content Security Policy" in message.text and not plotly:
            troubles.append(message.text)

    page.on("pageerror", on_error)
    page.on("console", on_console)
    return troubles


async def network_process() -> psutil.Process:
    """The process through which all of the browser's traffic goes, WebRTC's too."""
    return await service_process("network.mojom.NetworkService")


async def service_process(name: str) -> psutil.Process:
    """One of the processes that make up the only browser that runs."""

    def find() -> psutil.Process:
        [found] = [
            process
            for process in psutil.Process().children(recursive=True)
            if f"--utility-sub-type={name}" in process.cmdline()
        ]
        return found

    return await asyncio.to_thread(find)
