"""``make screenshots``: every view, light and dark, on a laptop and a phone.

They show the composed demo recording only: a public-domain photograph and read speech.
"""

import argparse
import asyncio
import io
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.async_api import Page, async_playwright

from loadtest.compose import composed
from loadtest.recording import default_cache, load
from tests.system.conftest import start, stop
from tests.web.conftest import LAPTOP, PHONE, encode_media, launch
from tests.web.practices import Practice, come_back, practise
from tests.web.views import every_view

COLOURS = 256
"""A palette keeps the pictures small enough for a repository."""

SECONDS = (45.0, 30.0, 45.0)
SETTLE_MS = 150
NAMED_DEVICES = """
Object.defineProperty(MediaDeviceInfo.prototype, 'label', {
  get() { return this.kind === 'videoinput' ? 'Camera' : 'Microphone'; },
});
"""
"""Chromium calls its fake camera by the path of the file that it shows."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"": LAPTOP, "-phone": PHONE}


async def main(out: Path) -> None:
    source = composed(default_cache())
    media = encode_media(source, default_cache().parent / "fake-media")
    recording = load(source)
    with tempfile.TemporaryDirectory(prefix="greenroom-screenshots-") as data:
        running = start(Path(data))
        try:
            practices: list[Practice] = []
            for seconds in SECONDS:
                token = practices[0].candidate_token if practices else None
                practices.append(await practise(running.url, recording, seconds, token=token))
            async with async_playwright() as playwright:
                browser = await launch(playwright, media.flags())
                context = await browser.new_context(base_url=running.url, viewport=LAPTOP)
                await context.grant_permissions(["camera", "microphone"], origin=running.url)
                await context.add_init_script(NAMED_DEVICES)
                await come_back(context, practices[0].candidate_token)
                page = await context.new_page()
                async for view in every_view(page, practices, until_hint=True):
                    await shoot(page, out, view)
                await browser.close()
        finally:
            stop(running)


async def shoot(page: Page, out: Path, view: str) -> None:
    for suffix, size in SIZES.items():
        await page.set_viewport_size(size)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await page.wait_for_timeout(SETTLE_MS)
            picture = Image.open(io.BytesIO(await page.screenshot()))
            target = out / f"{view}-{scheme}{suffix}.png"
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
                target, optimize=True
            )
    await page.set_viewport_size(LAPTOP)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    target: Path = parser.parse_args().out
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
