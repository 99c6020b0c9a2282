"""The interview at the page, and everything that may go wrong in it."""

import asyncio
import json
import os
import re
import signal
import time

from playwright.async_api import Browser, Locator, Page, expect

from tests.system.conftest import Greenroom
from tests.web.conftest import (
    MODULE_LOOP,
    PHONE,
    network_process,
)
from tests.web.interview import (
    CALIBRATED,
    HEARD,
    Offers,
    begin,
    bus,
    captions,
    choose,
    end_now,
    finish,
    heard_anew,
    hint,
    report,
    session_id,
    set_up,
    start,
    under_way,
    words,
)

pytestmark = MODULE_LOOP

CUT_S = 5.0
RESTART_MS = 40_000
"""A gateway that starts again, on a machine that is busy with all the others."""

TABS = 60
"""More stops than any view has."""


async def test_from_the_first_page_to_the_report(page: Page) -> None:
    await choose(page, questions=2, recording=True)
    await expect(page.get_by_role("listitem")).to_have_count(2)
    await set_up(page)
    await page.get_by_role("button", name="Start the check").click()
    await expect(page.get_by_text("Connected, quick and steady.")).to_be_visible()
    await expect(page.get_by_text(CALIBRATED)).to_be_visible()
    await expect(page.get_by_text(HEARD)).to_be_visible()
    await start(page)
    await heard_anew(page)
    await page.get_by_role("button", name="Next question").click()
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    await heard_anew(page)
    await page.get_by_role("button", name="Answer again").click()
    await under_way(page)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("Paused.")).to_be_visible()
    await page.get_by_role("button", name="Go on").click()
    await heard_anew(page)  # it may be the end of what was said before the pause
    await page.wait_for_timeout(2_000)
    report = await finish(page)
    assert len(report["questions"]) == 3, "the second question was answered twice"
    assert len(words(report)) > 5
    parts = await page.evaluate(
        """async () => {
            const { Store } = await import('/lib/store.js');
            const parts = await new Store().recording(location.hash.split('/').at(-1));
            return parts.map(({ blob }) => blob.size);
        }"""
    )
    assert len(parts) == 2, "one part before the pause, one after it"
    assert min(parts) > 10_000


async def test_questions_follow_from_resume_and_job(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("button", name="Choose my questions").click()
    await expect(page.get_by_role("alert")).to_contain_text("Tick the microphone")
    await page.get_by_label("Microphone", exact=True).check()
    await page.get_by_text("Fit the questions to your resume").click()
    resume = page.get_by_label("Your resume")
    await resume.fill('{"skills": [')
    await page.get_by_role("button", name="Choose my questions").click()
    await expect(page.get_by_role("alert")).to_contain_text("looks like JSON")
    document = {"work": [{"position": "Engineer", "summary": "Debugging a slow SQL database"}]}
    await resume.fill(json.dumps(document))
    await page.get_by_label("The job advert").fill("We need teamwork and testing.")
    await page.get_by_role("button", name="Choose my questions").click()
    questions = page.get_by_role("listitem")
    await expect(questions).to_have_count(3)
    await expect(questions.filter(has_text="your resume mentions").first).to_be_visible()
    await expect(questions.filter(has_text="the job mentions").first).to_be_visible()
    await page.get_by_role("button", name="Change my choices").click()
    await expect(page.get_by_role("button", name="Choose my questions")).to_be_visible()
    assert await page.evaluate("localStorage['greenroom.running']") is None


async def test_one_hint_at_a_time_and_none_if_unwanted(page: Page, greenroom: Greenroom) -> None:
    await begin(page)
    session = await session_id(page)
    shown = page.locator(".hint")
    async with bus(greenroom) as connected:
        await connected.publish_hint(hint(session, "first"))
        await expect(shown).to_have_text("Slow down")
        assert await shown.evaluate("hint => hint.closest('[aria-live=polite]') !== null")
        await connected.publish_hint(hint(session, "second"))
        await expect(shown).to_have_count(1)
        await expect(shown).to_be_hidden()
        await page.get_by_role("button", name="Hints").click()
        await connected.publish_hint(hint(session, "third"))
        await page.wait_for_timeout(500)
        await expect(shown).to_be_hidden()
    await end_now(page)
    await begin(page)  # for which they were chosen once more
    switch = page.get_by_role("button", name="Hints")
    await expect(switch).to_have_attribute("aria-pressed", "true")


async def test_read_aloud_and_without_hints(page: Page, greenroom: Greenroom) -> None:
    """Whether this machine has a voice or not, the interview begins."""
    await page.add_init_script(
        """window.spoken = [];
        const speak = speechSynthesis.speak.bind(speechSynthesis);
        speechSynthesis.speak = (said) => { spoken.push(said.text); speak(said); };"""
    )
    await page.goto("/")
    await page.get_by_label("Microphone", exact=True).check()
    await page.get_by_label("Short hints while I speak").uncheck()
    await page.get_by_label("Read the questions aloud").check()
    await page.get_by_role("button", name="Choose my questions").click()
    await set_up(page)
    await start(page)
    assert await page.evaluate("spoken") == [
        await page.get_by_role("heading", level=1).inner_text()
    ]
    await expect(page.get_by_role("button", name="Hints")).to_have_count(0)
    async with bus(greenroom) as connected:
        await connected.publish_hint(hint(await session_id(page), "unwanted"))
        await page.wait_for_timeout(500)
    await expect(page.locator(".hint")).to_have_count(0)


READ_BY_HAND = """
speechSynthesis.cancel = () => {};
speechSynthesis.speak = (said) => {
  window.read = () => { window.read = null; said.dispatchEvent(new Event('end')); };
};
"""
"""A voice that reads until the test says that it has read."""

READ_S = 3.0


async def read_next(page: Page) -> None:
    """The next question is being read aloud."""
    await page.get_by_role("button", name="Next question").click()
    await page.wait_for_function("() => Boolean(window.read)")


async def test_reading_a_question_aloud_takes_no_time_of_an_answer(page: Page) -> None:
    await page.add_init_script(READ_BY_HAND)
    await begin(page, questions=2)
    for _ in range(2):  # the first caption may be of what was said before the question
        await heard_anew(page)
    await page.get_by_role("button", name="Read aloud").click()
    await read_next(page)
    await expect(page.get_by_role("timer")).to_have_text("0:00")
    await page.wait_for_timeout(1000 * READ_S)
    await expect(page.get_by_role("timer")).to_have_text("0:00")
    await expect(page.get_by_text("Paused.")).to_be_hidden()
    await expect(page.locator(".paused")).to_have_count(0)
    await page.evaluate("read()")
    await under_way(page)
    for _ in range(2):
        await heard_anew(page)
    report = await finish(page)
    first, second = report["questions"]
    [answered_s] = [m["value"] for m in first["measures"] if m["measure"] == "answer_time"]
    asked_s = (int(first["end_ms"]) - int(first.get("start_ms", 0))) / 1000
    assert answered_s <= asked_s - READ_S + 0.01, "times of a report are of whole milliseconds"
    assert second["words"]


async def test_an_answer_goes_on_when_the_question_read_aloud_is_not_asked(page: Page) -> None:
    """Refused, or left in the middle."""
    await page.add_init_script(READ_BY_HAND)
    await begin(page, questions=2)
    await page.get_by_role("button", name="Read aloud").click()
    refused = {"error": "Not this question.", "what_to_do": "Go on."}
    await page.route("**/question", lambda route: route.fulfill(status=422, json=refused))
    await read_next(page)
    async with page.expect_response("**/resume"):
        await page.evaluate("read()")
    await expect(page.get_by_text("Not this question.")).to_be_visible()
    await under_way(page)
    await expect(page.get_by_text("Paused.")).to_be_hidden()
    await page.unroute("**/question")
    await read_next(page)
    await page.reload()
    await expect(page.get_by_text("Paused.")).to_be_visible()
    await expect(page.get_by_text("Question 1 of 2")).to_be_visible()
    async with page.expect_response("**/resume"):
        await page.get_by_role("button", name="Go on").click()
    await under_way(page)
    await read_next(page)
    await page.evaluate("read()")
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    report = await finish(page)
    assert len(report["questions"]) == 2


async def test_nothing_is_asked_before_there_is_a_connection(page: Page) -> None:
    """Whoever starts without the check is told why it does not begin."""
    full = {"error": "All places are taken at the moment.", "what_to_do": "Try again."}
    await page.route("**/whip/**", lambda route: route.fulfill(status=503, json=full))
    await choose(page)
    await set_up(page)
    button = page.get_by_role("button", name="Start the interview")
    await expect(button).to_be_enabled()
    await button.click()
    await expect(page.get_by_text("All places are taken at the moment.")).to_be_visible()
    await expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    await page.unroute("**/whip/**")
    await under_way(page)
    await expect(page.get_by_text("All places are taken at the moment.")).to_be_hidden()
    await end_now(page)


async def test_a_practice_that_ends_during_set_up_says_so(page: Page) -> None:
    await choose(page)
    await set_up(page)
    await page.get_by_role("button", name="Start the check").click()
    await expect(page.get_by_text("Connected, ")).to_be_visible()
    await page.evaluate(
        """async () => {
            const { created } = JSON.parse(localStorage.getItem('greenroom.running'));
            const headers = { Authorization: `Bearer ${created.token}` };
            await fetch(`/api/sessions/${created.session_id}`, { method: 'DELETE', headers });
        }"""
    )
    await expect(page.get_by_role("heading", name="This practice has ended")).to_be_visible()
    await page.get_by_role("button", name="Start a new practice").click()
    await expect(page.get_by_role("button", name="Choose my questions")).to_be_visible()


async def test_a_recording_goes_by_the_gateways_clock(page: Page) -> None:
    """As the report does, which has to find its moments in it."""
    await page.add_init_script("{ const now = Date.now; Date.now = () => now() + 60_000; }")
    await begin(page, recording=True)
    await page.wait_for_timeout(3_000)
    report = await end_now(page)
    [part] = await page.evaluate(
        """async () => {
            const { Store } = await import('/lib/store.js');
            return new Store().recording(location.hash.split('/').at(-1));
        }"""
    )
    asked_ms = int(report["started_us"]) / 1000 + int(report["questions"][0]["start_ms"])
    assert abs(part["startedAt"] - asked_ms) < 15_000
    assert 2_000 < part["endedAt"] - part["startedAt"] < 30_000


async def test_a_recording_that_can_not_be_kept_is_told_once(page: Page) -> None:
    await page.add_init_script(
        """IDBObjectStore.prototype.put = IDBObjectStore.prototype.add = () => {
            throw new DOMException('', 'QuotaExceededError');
        };"""
    )
    await begin(page, recording=True)
    told = page.get_by_text("The recording can’t be kept.")
    await expect(told).to_be_visible()
    await page.get_by_role("button", name="All right").click()
    await page.wait_for_timeout(5_000)
    await expect(told).to_be_hidden()
    await end_now(page)


async def test_the_skip_link_leads_to_the_content_and_stays_there(page: Page) -> None:
    await page.goto("/#/progress")
    await expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "view"
    assert await page.evaluate("location.hash") == "#/progress"
    await page.reload()
    await expect(page.get_by_role("heading", name="Progress")).to_be_visible()


async def test_network_lost_for_five_seconds(page: Page) -> None:
    """The browser's network process is stopped: no packet goes out or is taken in."""
    offers = Offers(page)
    await begin(page)
    await heard_anew(page)
    process = await network_process()
    os.kill(process.pid, signal.SIGSTOP)
    cut = time.monotonic()
    try:
        await expect(page.get_by_text("The connection dropped. Reconnecting")).to_be_visible()
        noticed_s = time.monotonic() - cut
        await asyncio.sleep(max(0.0, CUT_S - noticed_s))
    finally:
        os.kill(process.pid, signal.SIGCONT)
    back = time.monotonic()
    await expect(page.get_by_text("Connected again.")).to_be_visible()
    print(f"loss told after {noticed_s:.1f} s; back {time.monotonic() - back:.1f} s after the cut")
    await heard_anew(page)
    assert offers.answered >= 2, "the page posted a fresh offer"
    report = await finish(page)
    assert words(report)


async def test_a_pause_while_the_server_is_away_is_shown_and_ends_with_it(page: Page) -> None:
    sent: list[str] = []
    page.on("requestfinished", lambda request: sent.append(request.url.rsplit("/", 1)[-1]))
    await begin(page, questions=2)
    await page.route("**/pause", lambda route: route.abort())
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("Paused.")).to_be_visible()
    await expect(page.get_by_role("button", name="Next question")).to_be_disabled()
    await expect(page.get_by_role("button", name="Answer again")).to_be_disabled()
    await page.unroute("**/pause")
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_text("Paused.")).to_be_hidden()
    await page.get_by_role("button", name="Next question").click()
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    orders = [path for path in sent if path in ("pause", "resume", "question")]
    assert orders == ["question", "pause", "resume", "question"]
    await end_now(page)


async def test_gateway_killed(page: Page, greenroom: Greenroom) -> None:
    await begin(page)
    await heard_anew(page)
    # What is told may be there for an instant: the gateway is often back before the browser
    # finds that it was away.
    await page.evaluate(
        """() => {
          const place = document.querySelector('.notices');
          window.told = [];
          new MutationObserver(() => window.told.push(place.innerText))
            .observe(place, { subtree: true, childList: true });
        }"""
    )
    await asyncio.to_thread(greenroom.kill, "gateway")
    again = page.get_by_text("Connected again.")
    await expect(again).to_be_visible(timeout=RESTART_MS)
    told: list[str] = await page.evaluate("window.told")
    assert any("The connection dropped. Reconnecting" in notice for notice in told), told
    await heard_anew(page)
    report = await finish(page)
    assert words(report)


async def test_reloaded_in_mid_interview(page: Page) -> None:
    await begin(page, questions=2)
    await page.get_by_role("button", name="Next question").click()
    await expect(page.get_by_text("Question 2 of 2")).to_be_visible()
    await under_way(page)
    asked = await page.get_by_role("heading", level=1).inner_text()
    await page.reload()
    await under_way(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text(asked)
    await heard_anew(page)
    report = await finish(page)
    assert [question.get("attempt", 0) for question in report["questions"]] == [0, 0]


async def test_ending_waits_for_the_server_and_says_so(page: Page) -> None:
    await begin(page)
    await page.goto("/#/progress")
    await expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    await page.get_by_role("link", name="Practise").click()
    await page.route("**/end", lambda route: route.abort())
    await page.get_by_role("button", name="End it and see the report").click()
    await expect(page.get_by_text("Finishing …")).to_be_visible()
    await expect(page.get_by_text("Greenroom can’t be reached.")).to_be_visible()
    await expect(page.get_by_role("button", name="End it")).to_have_count(0)
    await page.unroute("**/end")
    await expect(page).to_have_url(re.compile("#/report/"))


async def test_going_on_after_the_end_leads_to_the_report(page: Page) -> None:
    await begin(page)
    await heard_anew(page)
    await page.goto("/#/progress")
    await page.get_by_role("link", name="Practise").click()
    await expect(page.get_by_text("mostly half a minute")).to_be_visible()
    await page.evaluate(
        """async () => {
            const { Store } = await import('/lib/store.js');
            const { Api } = await import('/lib/api.js');
            const store = new Store();
            await new Api(store).end(store.running.created.session_id);
        }"""
    )
    await page.get_by_role("link", name="Go on with the interview").click()
    await expect(page.get_by_role("heading", name="The interview has ended")).to_be_visible()
    await page.get_by_role("link", name="See the report").click()
    await report(page)
    await page.go_back()
    await expect(page.get_by_role("button", name="Choose my questions")).to_be_visible()
    await page.go_forward()
    await expect(page).to_have_url(re.compile("#/report/"))


async def test_sound_alone(page: Page) -> None:
    await begin(page, camera=False)
    await expect(page.get_by_label("Your own picture")).to_be_hidden()
    for _ in range(2):  # the first caption may be of what was said before the question
        await heard_anew(page)
    report = await finish(page)
    assert words(report)


async def test_on_a_phone(browser: Browser, greenroom: Greenroom) -> None:
    async with await browser.new_context(
        base_url=greenroom.url, viewport=PHONE, has_touch=True
    ) as context:
        await context.grant_permissions(["camera", "microphone"], origin=greenroom.url)
        page = await context.new_page()
        await choose(page)
        await assert_fits(page)
        await set_up(page)
        await page.get_by_role("button", name="Start the check").click()
        await assert_fits(page)
        await start(page)
        await assert_fits(page)
        await expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
        await expect(page.locator(".hint-place")).to_be_in_viewport(ratio=1)
        await expect(page.get_by_role("button", name="Finish")).to_be_in_viewport(ratio=1)
        await end_now(page)
        await assert_fits(page)


async def assert_fits(page: Page) -> None:
    """Nothing to scroll sideways."""
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]


async def test_by_keyboard_alone(page: Page) -> None:
    await page.goto("/")
    await expect(page.get_by_role("button", name="Choose my questions")).to_be_visible()
    await press(page, page.get_by_label("Microphone", exact=True), "Space")
    await press(page, page.get_by_role("button", name="Choose my questions"), "Enter")
    await press(page, page.get_by_role("button", name="Set up the microphone"), "Enter")
    await expect(page.get_by_role("button", name="Start the check")).to_be_enabled()
    await press(page, page.get_by_role("button", name="Start the check"), "Enter")
    await expect(page.get_by_text("Connected, quick and steady.")).to_be_visible()
    await press(page, page.get_by_role("button", name="Start the interview"), "Space")
    await under_way(page)
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await press(page, page.get_by_role("button", name="Captions"), "Space")
    await expect(captions(page)).to_be_hidden()
    await press(page, page.get_by_role("button", name="Pause"), "Enter")
    await press(page, page.get_by_role("button", name="Go on"), "Enter")
    await expect(page.get_by_role("button", name="End now")).to_be_enabled()
    await press(page, page.get_by_role("button", name="End now"), "Enter")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await press(page, page.get_by_role("button", name="End now"), "Enter")
    await press(page, page.get_by_role("button", name="End and see the report"), "Enter")
    await expect(page).to_have_url(re.compile("#/report/"))


async def press(page: Page, target: Locator, key: str) -> None:
    """Tab on until `target` has the focus, visibly, then press `key`."""
    await expect(target).to_be_visible()
    for _ in range(TABS):
        if await target.evaluate("element => element === document.activeElement"):
            assert await target.evaluate(
                "element => getComputedStyle(element).outlineStyle !== 'none'"
            ), "the focus can be seen"
            await page.keyboard.press(key)
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{target} can't be reached by Tab")
