"""axe-core finds nothing on any view, light and dark, on a laptop and a phone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page

from tests.conftest import REPOSITORY
from tests.system.conftest import Greenroom
from tests.web.conftest import LAPTOP, MODULE_LOOP, PHONE
from tests.web.practices import come_back, practise, replayed
from tests.web.views import every_view

pytestmark = [*MODULE_LOOP, pytest.mark.timeout(300)]

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
SECONDS = 12.0


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is missing: make check-web installs it")
    return Path(AXE).read_text()


async def violations(page: Page, axe: str) -> list[str]:
    """Each with where it was found. axe comes by the debugger: the page's own policy holds."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] })"
    )
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def settle(page: Page) -> None:
    """Two frames: a change of scheme or size is laid out."""
    await page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


async def test_axe_finds_nothing_on_any_view(
    page: Page, context: BrowserContext, greenroom: Greenroom, axe: str
) -> None:
    source = await replayed()
    first = await practise(greenroom.url, source, SECONDS)
    second = await practise(greenroom.url, source, SECONDS, token=first.candidate_token)
    await come_back(context, first.candidate_token)
    troubles = []
    seen = set()
    await page.emulate_media(reduced_motion="reduce")
    async for view in every_view(page, [first, second]):
        seen.add(view)
        for scheme, size in (("light", LAPTOP), ("dark", LAPTOP), ("light", PHONE)):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.set_viewport_size(size)
            await settle(page)
            where = f"{view}, {scheme}, {size['width']}"
            troubles += [f"{where}: {each}" for each in await violations(page, axe)]
            wide = await page.evaluate("document.documentElement.scrollWidth")
            if wide > size["width"]:
                troubles.append(f"{where}: {wide} pixels wide")
        await page.set_viewport_size(LAPTOP)
    assert seen >= {"before", "questions", "check", "during", "report", "evidence", "data"}
    assert not troubles, "\n".join(troubles)


async def test_axe_finds_nothing_where_there_is_nothing(page: Page, axe: str) -> None:
    """Empty states and what can't be found."""
    troubles = []
    for view in ("#/progress", "#/data", "#/report/0123", "#/compare/01/02", "#/nowhere"):
        await page.goto("about:blank")  # where there is no heading that could pass for this view's
        await page.goto(f"/{view}")
        await page.get_by_role("heading", level=1).wait_for()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await settle(page)
            troubles += [f"{view}, {scheme}: {each}" for each in await violations(page, axe)]
    assert not troubles, "\n".join(troubles)


async def test_reduced_motion_is_respected(page: Page) -> None:
    """What moves is a hint as it comes."""
    await page.goto("/#/data")
    await page.get_by_role("heading", level=1).wait_for()
    moves_s = """() => {
      const hint = document.createElement('p');
      hint.className = 'hint';
      document.body.append(hint);
      const { transitionDuration, animationDuration } = getComputedStyle(hint);
      return Math.max(...`${transitionDuration},${animationDuration}`.split(',').map(parseFloat));
    }"""
    assert await page.evaluate(moves_s) > 0.1
    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(moves_s) < 0.001
