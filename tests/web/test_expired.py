"""A session whose time is over while the candidate still speaks."""

import time
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.system.conftest import Greenroom, start, stop
from tests.web.conftest import MODULE_LOOP
from tests.web.interview import begin, created, heard_anew, report, words

pytestmark = MODULE_LOOP

SESSION_MINUTES = 1
"""Time enough to make a session, connect and say something, on a slow machine too."""

END_S = 20
"""From there until the page says so."""


@pytest.fixture(scope="module")
def greenroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    settings = {"GREENROOM_SESSION_MINUTES": str(SESSION_MINUTES)}
    running = start(tmp_path_factory.mktemp("greenroom"), settings)
    yield running
    stop(running)


async def test_session_expired(page: Page) -> None:
    await begin(page)
    await heard_anew(page)
    left_s = (await created(page))["expires_at"] - time.time()
    await expect(page.get_by_role("heading", name="The interview has ended")).to_be_visible(
        timeout=(left_s + END_S) * 1_000
    )
    await expect(page.get_by_text("The time of this interview is over.")).to_be_visible()
    await page.get_by_role("link", name="See the report").click()
    assert words(await report(page)), "what was said until then is not lost"
    await page.goto("/")
    await expect(page.get_by_role("button", name="Choose my questions")).to_be_visible()
