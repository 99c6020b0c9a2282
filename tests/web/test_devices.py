"""Cameras and microphones: which are opened, and what is said of those that are not."""

import asyncio
import json

from playwright.async_api import Browser, BrowserContext, Page, Playwright, expect

from tests.system.conftest import Greenroom
from tests.web.conftest import (
    LAPTOP,
    MODULE_LOOP,
    FakeMedia,
    launch,
    service_process,
)
from tests.web.interview import (
    begin,
    choose,
    end_now,
    finish,
    heard_anew,
    set_up,
    start,
    under_way,
    words,
)

pytestmark = MODULE_LOOP


async def test_permission_denied_then_given_for_sound_alone(
    browser: Browser, greenroom: Greenroom
) -> None:
    async with await browser.new_context(base_url=greenroom.url, viewport=LAPTOP) as context:
        page = await context.new_page()
        await choose(page)
        await set_up(page)
        await expect(page.get_by_text("does not let Greenroom use the camera")).to_be_visible()
        await expect(page.get_by_text("does not let Greenroom use the microphone")).to_be_visible()
        await expect(page.get_by_role("button", name="Start the interview")).to_be_disabled()
        await context.grant_permissions(["microphone"], origin=greenroom.url)
        await page.get_by_role("button", name="Try again").first.click()
        await expect(page.get_by_text("You can also go on with sound alone.")).to_be_visible()
        await expect(page.get_by_text("Greenroom use the microphone")).to_be_hidden()
        await start(page)
        await heard_anew(page)


async def test_no_camera(playwright: Playwright, media: FakeMedia, greenroom: Greenroom) -> None:
    flags = [
        "--use-fake-device-for-media-stream=device-count=0",
        f"--use-file-for-fake-audio-capture={media.audio}",
    ]
    browser = await launch(playwright, flags)
    async with await browser.new_context(base_url=greenroom.url) as context:
        await context.grant_permissions(["camera", "microphone"], origin=greenroom.url)
        page = await context.new_page()
        await choose(page)
        await set_up(page)
        await expect(page.get_by_text("No camera was found.")).to_be_visible()
        await start(page)
        for _ in range(2):  # the first caption may be of what was said before the question
            await heard_anew(page)
        report = await finish(page)
        assert words(report)
    await browser.close()


async def test_no_microphone(context: BrowserContext) -> None:
    """Chromium's fake devices always include a microphone: what the browser of a machine
    without one says is put in its place."""
    await context.add_init_script(
        """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
            if (wanted.audio) throw new DOMException('', 'NotFoundError');
            return open(wanted);
        };"""
    )
    page = await context.new_page()
    await choose(page)
    await set_up(page)
    await expect(page.get_by_text("No microphone was found.")).to_be_visible()
    await expect(page.get_by_text("You can also go on with the picture alone.")).to_be_visible()
    await start(page)
    await page.wait_for_timeout(3_000)
    report = await finish(page)
    assert not words(report)


async def test_each_device_is_opened_and_sent_once(page: Page) -> None:
    """Also by who starts without the check."""
    await page.add_init_script(
        """window.peers = [];
        const Own = window.RTCPeerConnection;
        window.RTCPeerConnection = class extends Own {
            constructor(...given) { super(...given); window.peers.push(this); }
        };"""
    )
    await begin(page)
    sent = "window.peers.at(-1).getSenders().flatMap(s => s.track ? [s.track.kind] : []).sort()"
    assert await page.evaluate(sent) == ["audio", "video"]
    await end_now(page)


async def test_who_leaves_while_the_browser_asks_is_not_seen(page: Page) -> None:
    """The candidate goes elsewhere, then answers the browser's question after all."""
    await page.add_init_script(
        """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        const answered = new Promise((allow) => (window.allow = allow));
        window.opened = [];
        navigator.mediaDevices.getUserMedia = async (wanted) => {
            await answered;
            const stream = await open(wanted);
            window.opened.push(...stream.getTracks());
            return stream;
        };"""
    )
    await choose(page)
    await set_up(page)
    await page.get_by_role("link", name="Progress").click()
    await expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    await page.evaluate("window.allow()")
    off = "window.opened.length === 2 && window.opened.every(t => t.readyState === 'ended')"
    while not await page.evaluate(off):
        await page.wait_for_timeout(50)


async def test_the_chosen_camera_is_asked_for_and_no_other(page: Page) -> None:
    """A remembered one is a wish: it may be gone."""
    await page.goto("/#/progress")
    asked = await page.evaluate(
        """async () => {
          const { Devices } = await import('/lib/devices.js');
          const asked = [];
          navigator.mediaDevices.getUserMedia = async ({ video, audio }) => {
            asked.push([video, audio].map((each) => each && [each.facingMode, each.deviceId]));
            return new MediaStream();
          };
          const devices = new Devices();
          await devices.open({ camera: true, microphone: false }, {});
          await devices.open({ camera: true, microphone: false }, { camera: 'a' });
          await devices.choose('camera', 'b');
          await devices.choose('microphone', 'c');
          return JSON.stringify(asked);
        }"""
    )
    assert json.loads(asked) == [
        [["user", None], None],
        [[None, "a"], None],
        [[None, {"exact": "b"}], None],
        [None, [None, {"exact": "c"}]],
    ]


async def test_a_camera_that_can_not_be_chosen_leaves_the_one_that_is_open(page: Page) -> None:
    """And trying again does not go on about the other one."""
    await page.goto("/#/progress")
    refused = await page.evaluate(
        """async () => {
          const { Devices } = await import('/lib/devices.js');
          const devices = new Devices();
          const wanted = { camera: true, microphone: true };
          await devices.open(wanted, {});
          const open = devices.track('camera');
          await devices.choose('camera', 'no such camera');
          const said = devices.refused.size;
          await devices.open(wanted, {});
          return [said, devices.refused.size, devices.track('camera') === open];
        }"""
    )
    assert refused == [1, 0, True]


async def test_camera_unplugged(page: Page) -> None:
    """The process that holds the camera is killed: its track ends, as with a pulled plug."""
    await begin(page)
    process = await service_process("video_capture.mojom.VideoCaptureService")
    await asyncio.to_thread(process.kill)
    await expect(page.get_by_text("The camera is gone.")).to_be_visible()
    await expect(page.get_by_text("goes on with the microphone alone")).to_be_visible()
    await heard_anew(page)
    await page.get_by_role("button", name="Choose another camera").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Camera").select_option(index=1)
    await dialog.get_by_role("button", name="Done").click()
    await expect(page.get_by_text("The camera is gone.")).to_be_hidden()
    await expect(page.get_by_label("Your own picture")).to_be_visible()


async def test_permission_taken_back(page: Page, context: BrowserContext) -> None:
    await begin(page)
    await context.clear_permissions()
    await expect(page.get_by_text("Nothing can be seen or heard now.")).to_be_visible()
    await end_now(page)


OPENED = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.opened = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (wanted.audio && sessionStorage.taken) throw new DOMException('', 'NotReadableError');
  const stream = await open(wanted);
  window.opened.push(...stream.getTracks());
  return stream;
};
"""
"""Every track that the page opens; none of a microphone that another program has taken."""


async def test_a_microphone_that_does_not_come_back_is_told(page: Page) -> None:
    await page.add_init_script(OPENED)
    await begin(page)
    await page.evaluate("sessionStorage.taken = 1")
    await page.reload()
    told = page.get_by_text("The microphone is there, but something else is using it.")
    await expect(told).to_be_visible()
    await under_way(page)
    await page.evaluate("sessionStorage.removeItem('taken')")
    await page.get_by_role("button", name="Try again").click()
    await expect(told).to_be_hidden()
    for _ in range(2):  # the first caption may be of what was said before
        await heard_anew(page)
    await end_now(page)


async def test_a_muted_microphone_is_told_while_it_stays_so(page: Page) -> None:
    """No fake device is ever muted: what the browser then says is put in its place."""
    await page.add_init_script(OPENED)
    await begin(page)
    await page.evaluate(
        """() => {
            window.muted = true;
            const microphone = opened.find((track) => track.kind === 'audio');
            Object.defineProperty(microphone, 'muted', { get: () => window.muted });
        }"""
    )
    told = page.get_by_text("The microphone is muted.")
    await expect(told).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    await expect(told).to_be_hidden()
    await page.get_by_role("button", name="Go on").click()
    await expect(told).to_be_visible()
    await page.evaluate("window.muted = false")
    await expect(told).to_be_hidden()
    await end_now(page)
