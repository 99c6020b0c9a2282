"""A walk through every view of the page, as a candidate would see them."""

from collections.abc import AsyncIterator

from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.web import interview
from tests.web.practices import Practice, open_report, plots_drawn

CALIBRATION_MS = 30_000
HINT_MS = 60_000
"""A good pace is worth a hint after some twenty seconds."""


async def every_view(
    page: Page, practices: list[Practice], *, until_hint: bool = False
) -> AsyncIterator[str]:
    """Goes from view to view; yields the name of each when it stands.

    practices: two of the candidate whose profile the page has. until_hint: stay in the
    interview until a hint is shown.
    """
    async for name in _before_and_during(page, until_hint=until_hint):
        yield name
    async for name in _after(page, practices[-1]):
        yield name
    await page.goto("/#/progress")
    await page.locator(".trends").first.wait_for()
    await plots_drawn(page)
    yield "progress"
    one, other = practices[-2:]
    await page.goto(f"/#/compare/{one.session_id}/{other.session_id}")
    await page.get_by_role("heading", name="Two practices, side by side").wait_for()
    yield "compare"
    await page.goto("/#/data")
    await page.get_by_text("In Greenroom’s database").wait_for()
    yield "data"
    await page.get_by_role("button", name="Erase everything").click()
    yield "erase"
    await page.get_by_role("button", name="Keep it").click()


async def _before_and_during(page: Page, *, until_hint: bool) -> AsyncIterator[str]:
    await page.goto("/")
    await page.get_by_role("heading", level=1).wait_for()
    yield "before"
    await interview.choose(page, questions=2)
    yield "questions"
    await interview.set_up(page)
    await page.get_by_role("button", name="Start the check").click()
    await expect(page.get_by_text(interview.CALIBRATED)).to_be_visible(timeout=CALIBRATION_MS)
    yield "check"
    await interview.start(page)
    if until_hint:
        try:
            await page.locator(".hint").wait_for(timeout=HINT_MS)
        except PlaywrightTimeout:
            print("no hint came: the interview is shown without one")
    else:
        await interview.heard_anew(page)
    yield "during"
    await interview.end_now(page)


async def _after(page: Page, practice: Practice) -> AsyncIterator[str]:
    await open_report(page, practice)
    await page.locator(".summary").wait_for()
    yield "report"
    await plots_drawn(page)
    await page.locator(".transcript").first.scroll_into_view_if_needed()
    yield "answer"
    await page.locator("figure").first.evaluate("figure => figure.scrollIntoView()")
    yield "timeline"
    await page.evaluate("scrollTo(0, 0)")
    await page.get_by_role("button", name="Show me").first.click()
    yield "evidence"
    await page.keyboard.press("Escape")
    await page.locator(".score").get_by_role("button").first.click()
    yield "score"
    await page.keyboard.press("Escape")
