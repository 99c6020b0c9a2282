"""One interview, several tabs."""

import re

from playwright.async_api import BrowserContext, Page, expect

from tests.web.conftest import (
    MODULE_LOOP,
    watch,
)
from tests.web.interview import (
    begin,
    choose,
    end_now,
    finish,
    heard_anew,
    start,
    under_way,
)

pytestmark = MODULE_LOOP


async def test_two_tabs(page: Page, context: BrowserContext) -> None:
    """Whichever takes over goes on where the other was."""
    await begin(page, questions=2)
    second = await context.new_page()
    troubles = watch(second)
    await second.goto("/#/interview")
    await expect(second.get_by_text("Your interview runs in another tab")).to_be_visible()
    await page.get_by_role("button", name="Next question").click()
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    await second.get_by_role("button", name="Take over here").click()
    await under_way(second)
    await expect(second.get_by_text("Question 2 of 2")).to_be_visible()
    await expect(page.get_by_text("Your interview runs in another tab")).to_be_visible()
    await page.get_by_role("button", name="Take over here").click()
    await under_way(page)
    await expect(second.get_by_text("Your interview runs in another tab")).to_be_visible()
    await heard_anew(page)
    await finish(page)
    assert not troubles


async def test_one_practice_at_a_time(page: Page, context: BrowserContext) -> None:
    """Neither the first page nor the unfinished card of another tab ends what goes on."""
    second = await context.new_page()
    troubles = watch(second)
    await second.goto("/")
    await second.get_by_label("Microphone", exact=True).check()
    await begin(page, questions=2)
    await second.get_by_role("button", name="Choose my questions").click()
    await expect(second.get_by_text("Your interview is not finished")).to_be_visible()
    await second.get_by_role("button", name="Start a new practice").click()
    await expect(second.get_by_text("Your interview is open in another tab")).to_be_visible()
    await page.get_by_role("button", name="Next question").click()
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    await second.get_by_role("button", name="Take over here").click()
    await expect(second.get_by_text("You were at question 2 of 2.")).to_be_visible()
    await second.get_by_role("button", name="End it and see the report").click()
    await expect(second).to_have_url(re.compile("#/report/"))
    assert not troubles


async def test_choices_are_not_changed_under_another_tab(
    page: Page, context: BrowserContext
) -> None:
    """Which has begun what these choices led to: changing them would erase it."""
    await choose(page)
    second = await context.new_page()
    troubles = watch(second)
    await second.goto("/")
    await start(second)
    await page.get_by_role("button", name="Change my choices").click()
    await expect(page.get_by_text("Your interview is open in another tab")).to_be_visible()
    await end_now(second)
    assert not troubles


async def test_each_of_the_last_sessions_has_its_own_token(page: Page) -> None:
    await page.goto("/")
    kept = await page.evaluate(
        """async () => {
            const { Store } = await import('/lib/store.js');
            const store = new Store();
            const names = ['a', 'b', 'a', 'c', 'd', 'e', 'f'];
            for (const session_id of names) {
                store.running = { created: { session_id, token: `token of ${session_id}` } };
            }
            store.running = null;
            return ['a', 'b', 'c', 'f'].map((name) => store.tokenOf(name));
        }"""
    )
    assert kept == ["token of a", None, "token of c", "token of f"]
