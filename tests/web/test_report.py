"""After a practice: its report, progress, comparison, export."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from greenroom.v1.signals_pb2 import VoiceEvent
from playwright.async_api import BrowserContext, Download, Page, expect

from services.aggregator.report import to_json
from services.aggregator.wording import figure
from services.runtime.measures import MEASURES
from tests.services.aggregator.streams import (
    OTHER,
    QUESTION,
    SESSION,
    Message,
    answered_again,
    closing,
    happened,
    opening,
    pause,
    report,
    resume,
    set_up_first,
    speech,
    voice,
)
from tests.system.conftest import Greenroom
from tests.web.conftest import LAPTOP, MODULE_LOOP, PHONE
from tests.web.practices import (
    Practice,
    come_back,
    keep_recording,
    open_report,
    plots_drawn,
    practise,
    replayed,
)

pytestmark = [*MODULE_LOOP, pytest.mark.timeout(240)]

SECONDS = 20.0
RECORDED = 10.0


def whole(value: float) -> int:
    """As JavaScript rounds: halves up."""
    return math.floor(value + 0.5)


async def content(download: Download) -> str:
    path = await download.path()
    return await asyncio.to_thread(path.read_text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def practices(greenroom: Greenroom) -> AsyncIterator[list[Practice]]:
    """Two of one candidate, the first with two questions."""
    source = await replayed()
    two = {"role": "software engineer", "question_count": 2}
    first = await practise(greenroom.url, source, SECONDS, body=two)
    yield [first, await practise(greenroom.url, source, SECONDS, token=first.candidate_token)]


@pytest_asyncio.fixture(loop_scope="module")
async def returned(context: BrowserContext, practices: list[Practice]) -> None:
    await come_back(context, practices[0].candidate_token)


async def test_the_report_says_what_the_practice_gave(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    report = practices[0].report
    await open_report(page, practices[0])
    for claim in [*report.get("strengths", [])[:2], *report.get("weaknesses", [])[:2]]:
        await expect(
            page.locator(".summary").get_by_text(claim["text"], exact=True)
        ).to_be_visible()
    await expect(page.locator(".summary .claims li")).to_have_count(
        len(report.get("strengths", [])[:2])
        + len(report.get("weaknesses", [])[:2])
        + len(report["time_management"])
    )
    await expect(page.locator(".next")).to_contain_text(report["suggestions"][0]["drill"])
    for number, question in enumerate(report["questions"]):
        section = page.locator(".answer").nth(number)
        await expect(section.locator("h2")).to_contain_text(question["text"])
        shown = await section.locator(".transcript").inner_text()
        for word in question["words"]:
            assert word["text"] in shown
        for score in question["scores"]:
            if "value" in score:
                await expect(section.locator(".scores")).to_contain_text(
                    f"Likely {whole(score['low'])} to {whole(score['high'])}"
                )
        for text in question.get("follow_ups", []):
            await expect(page.get_by_role("complementary")).to_contain_text(text)


async def test_plots_are_drawn_and_a_click_shows_the_moment(
    page: Page, returned: None, practices: list[Practice], greenroom: Greenroom
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await open_report(page, practices[1])
    await plots_drawn(page)
    drawn = {each["measure"] for each in practices[1].report["series"]}
    plotted = drawn & {"speech_rate", "pitch_median", "loudness", "eye_contact", "movement"}
    await expect(page.locator(".plot .scatterlayer .trace")).to_have_count(len(plotted))
    assert any("plotly" in url for url in asked)
    assert all(url.startswith((greenroom.url, "blob:", "data:")) for url in asked)
    await pick_a_mark(page)
    await expect(page.get_by_role("dialog")).to_be_visible()


async def pick_a_mark(page: Page) -> None:
    """The first one in a plot: by its place, for Plotly lays an empty sheet over its marks."""
    bar = page.locator(".plot .barlayer .point path").first
    await bar.scroll_into_view_if_needed()
    box = await bar.bounding_box()
    assert box
    await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


async def test_a_claim_shows_its_evidence(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    report = practices[1].report
    await open_report(page, practices[1])
    claim = (report.get("strengths") or report["weaknesses"])[0]
    evidence = claim["evidence"][0]
    button = page.get_by_role("button", name=f"Show me: {claim['text']}").first
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=claim["text"])
    await expect(dialog).to_be_visible()
    measures = (await page.request.get("/api/measures")).json
    measure = (await measures())[evidence["measure"]]
    await expect(dialog.locator("dt", has_text=measure["name"])).to_be_visible()
    await expect(dialog.locator("dt", has_text="When")).to_be_visible()
    await dialog.get_by_text("How it is measured").click()
    await expect(dialog).to_contain_text(measure["formula"][1:])
    assert await dialog.locator("video").count() == 0  # nothing was recorded
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()


async def test_a_score_says_what_it_rests_on(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await open_report(page, practices[1])
    score = next(s for s in practices[1].report["questions"][0]["scores"] if "value" in s)
    await page.locator(".score", has=page.locator(".meter")).get_by_role("button").first.click()
    rows = page.get_by_role("dialog").locator("tbody tr")
    await expect(rows).to_have_count(len(score["contributions"]))
    await expect(page.get_by_role("dialog")).to_contain_text("most likely between")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="What it rests on: Fluency").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("practices count for a quarter")


async def test_marks_can_be_switched_off(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    """Each mark has words of its own, so that nothing is said by colour alone."""
    await open_report(page, practices[0])
    legends = page.locator(".legend-entry input")
    if not await legends.count():
        pytest.skip("nothing was marked in this recording's words")
    await expect(legends.first).to_be_checked()
    await legends.first.uncheck()
    assert "hide-" in (await page.locator(".transcript").first.get_attribute("class") or "")
    for mark in await page.locator(".transcript .said").all():
        assert "(" in (await mark.text_content() or "")


async def test_a_kept_recording_plays_the_moment(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await page.goto("/#/progress")
    await keep_recording(page, practices[1], RECORDED)
    await open_report(page, practices[1])
    await page.get_by_text("Every moment of this answer").click()
    early = [
        moment
        for moment in practices[1].report["questions"][0]["moments"]
        if moment["type"] in ("pause", "blink", "nod")
        and 1000 < int(moment["start_ms"]) < 1000 * (RECORDED - 3)
    ]
    assert early, "the recording has no moment to play"
    at = int(early[0]["start_ms"])
    second, shown = at // 1000, (at - int(practices[1].report["questions"][0]["start_ms"])) // 1000
    await page.locator(".chip", has_text=f"0:{shown:02d}").first.click()
    video = page.get_by_role("dialog").locator("video")
    await expect(video).to_be_visible()
    handle = await video.element_handle()
    await page.wait_for_function(
        "([v, s]) => v.currentTime > s - 1.5 && v.currentTime < s + 4 && !v.error",
        arg=[handle, second],
    )
    assert await video.evaluate("v => v.textTracks.length") == 1
    await page.wait_for_function("v => !v.paused", arg=handle)
    await page.keyboard.press("Escape")
    await page.wait_for_function("v => v.paused", arg=handle)


async def test_parts_of_a_story_are_told_as_in_the_claim(page: Page) -> None:
    """Of several answers there are halves."""
    await page.goto("/#/progress")
    told = await page.evaluate(
        """async () => {
          const { Words } = await import('/lib/words.js');
          const words = new Words(await (await fetch('/api/measures')).json());
          return [2, 2.5].map((value) => words.figure('star_parts', value));
        }"""
    )
    assert told == ["2 of 4", "2.5 of 4"]
    assert [figure("star_parts", value) for value in (2, 2.5)] == ["2", "2.5"]


async def test_only_what_was_recorded_is_played(page: Page) -> None:
    """An answer's recording begins a moment after it; there may be a gap, and an early end."""
    await page.goto("/#/progress")
    held = await page.evaluate(
        """async () => {
          const { Player } = await import('/views/report-player.js');
          const blob = new Blob([], { type: 'video/webm' });
          const parts = [[1_050, 20_000], [40_000, 60_000]].map(([start, end]) => (
            { startedAt: 5_000_000 + start, endedAt: 5_000_000 + end, blob }));
          const player = new Player(parts, { startedMs: 5_000_000, questions: [] });
          const stretches = [[0, 500], [1_000, 90_000], [19_000, 19_000], [20_000, 30_000],
            [30_000, 50_000], [60_000, 61_000]];
          return stretches.map(([start, end]) => player.holds(start, end));
        }"""
    )
    assert held == [False, True, True, False, True, False]


async def test_print_has_the_content_and_no_controls(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await open_report(page, practices[1])
    await plots_drawn(page)
    await page.evaluate(
        """() => addEventListener('beforeprint', () => {
          window.folded = document.querySelectorAll('details:not([open])').length;
        })"""
    )
    paper = await page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert await page.evaluate("window.folded") == 0
    assert await page.locator("details[open]").count() == 0
    await page.emulate_media(media="print")
    for gone in [".masthead nav", ".report-head button", ".show-me", ".talk", ".legend"]:
        elements = await page.locator(gone).all()
        assert elements or gone == ".legend", f"{gone}: there is none to hide"
        for element in elements:
            await expect(element).to_be_hidden()
    for mark in await page.locator(".transcript .said, .transcript .tag").all():
        await expect(mark).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= LAPTOP["width"]


async def test_downloads_are_the_report(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await open_report(page, practices[1])
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save the data").click()
    assert json.loads(await content(await saving.value)) == practices[1].report
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save as a page").click()
    html = await content(await saving.value)
    assert html.lstrip().startswith("<!doctype html>")
    assert "<script" not in html
    assert "http" not in html.replace("http://www.w3.org", "")
    assert practices[1].report["questions"][0]["text"] in html


async def test_a_report_of_somebody_else_is_not_here(page: Page, practices: list[Practice]) -> None:
    await page.goto(f"/#/report/{practices[0].session_id}")
    await expect(page.get_by_role("heading")).to_contain_text("isn’t here")
    await page.goto("/#/progress")
    await expect(page.locator("main")).to_contain_text("Your practices will gather here")


async def test_progress_and_comparison(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await page.goto("/#/progress")
    await expect(page.locator(".practices li")).to_have_count(len(practices))
    await plots_drawn(page)
    last = {s["score"]: s for s in practices[-1].report["usual_scores"]}["fluency"]
    fluency = page.locator(".trends .card", has=page.get_by_role("heading", name="Fluency"))
    await expect(fluency).to_contain_text(f"Last time: {whole(last['value'])}")
    await expect(fluency).to_contain_text("Your own level before")
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("side by side")
    row = page.locator("details tr", has_text="Speech rate").first
    await page.get_by_text("Everything", exact=True).click(trial=True)
    for practice in practices[-2:]:
        rate = next(m for m in practice.report["measures"] if m["measure"] == "speech_rate")
        await expect(row).to_contain_text(f"{whole(rate['value'])} words a minute")
    await page.set_viewport_size(PHONE)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


CHANGES = """
async () => {
  const { change, difference, ownLevel } = await import('/views/progress-data.js');
  const usual = { low: 40, high: 85 };
  const figure = (value, low, high) => ({ id: 'eye_contact', value, low, high, notSeen: '' });
  const practice = (value) => ({
    id: '', startedMs: 0, duration: 0,
    figures: new Map([['eye_contact', figure(value, null, null)]]),
  });
  return {
    within: change(figure(50, 45, 55), 46, usual),
    closer: change(figure(50, 45, 55), 30, usual),
    further: change(figure(30, 25, 35), 50, usual),
    more: change(figure(80, 75, 84), 50, usual),
    unsure: change(figure(80, null, null), 50, usual),
    unseen: change(figure(null, null, null), 50, usual),
    overlapping: difference(figure(50, 40, 60), figure(62, 58, 66), usual),
    apart: difference(figure(50, 45, 55), figure(62, 58, 66), usual),
    level: ownLevel([10, 30, 50, 99].map(practice), 'eye_contact'),
    first: ownLevel([practice(10)], 'eye_contact'),
  };
}
"""


async def test_a_change_within_the_uncertainty_is_none(page: Page) -> None:
    await page.goto("/#/data")
    assert await page.evaluate(CHANGES) == {
        "within": "same",
        "closer": "closer",
        "further": "further",
        "more": "more",
        "unsure": "unsure",
        "unseen": "unknown",
        "overlapping": "same",
        "apart": "more",
        "level": {"level": 30, "practices": 3},
        "first": None,
    }


async def open_written(page: Page, stream: list[Message]) -> None:
    """The page of the report that a stream gives, in the place of one from the database."""
    written = await asyncio.to_thread(lambda: to_json(report(stream)))
    await page.route(
        f"**/reports/{SESSION}?*",
        lambda route: route.fulfill(body=written, content_type="application/json"),
    )
    await page.goto(f"/#/report/{SESSION}")
    await page.locator(".summary").wait_for()


async def test_times_count_from_the_first_question(page: Page) -> None:
    await open_written(page, set_up_first())
    await expect(page.locator(".answer")).to_contain_text("from 0:00 on")
    await plots_drawn(page)
    ticks = await page.locator(".plot .xtick").all_text_contents()
    assert {"0:00", "0:30"} <= set(ticks) <= {f"0:{second:02d}" for second in range(31)}
    await pick_a_mark(page)
    await expect(page.get_by_role("dialog")).to_contain_text("0:10 to 0:12.")
    await page.keyboard.press("Escape")
    await page.get_by_text("Every moment of this answer").click()
    await page.locator(".chip", has_text="0:10").click()
    await expect(page.get_by_role("dialog")).to_contain_text("0:10 to 0:12.")


async def test_questions_are_called_as_in_the_interview(page: Page) -> None:
    await open_written(page, answered_again())
    called = ["Question 1", "Question 1 (again)", "Question 2"]
    await expect(page.locator(".answer .eyebrow")).to_have_text(called)
    shares = [whole(100 * each.share_of_interview) for each in report(answered_again()).questions]
    for number, share in enumerate(shares):
        await expect(page.locator(".answer > h2 + .quiet").nth(number)).to_contain_text(
            f"Its share of the interview: {share}%."
        )
    listed = page.get_by_role("navigation", name="Questions").locator("li")
    assert [await each.get_attribute("value") for each in await listed.all()] == ["1", "1", "2"]
    await expect(listed).to_have_text([QUESTION.text, f"{QUESTION.text} (again)", OTHER.text])
    for number in (1, 0, 2):
        await listed.nth(number).get_by_role("button").click()
        await expect(page.locator(".answer h2").nth(number)).to_be_focused()
    claim = page.locator(".claims li", has_text="You began to answer").first
    await claim.get_by_role("button").click()
    await expect(page.get_by_role("dialog").locator("dt").first).to_have_text(called[0])
    for place in called[1:]:
        await expect(page.get_by_role("dialog").locator("dt", has_text=place)).to_have_count(1)


async def test_what_may_be_asked_next(page: Page) -> None:
    """Once for a question that was answered twice, and nothing where nobody knows."""
    await open_written(page, answered_again())
    await expect(page.get_by_role("complementary").locator("li")).to_have_text(
        [f"Question 1{QUESTION.follow_ups[0]}"]
    )
    await page.goto("about:blank")
    await open_written(page, [*opening([OTHER]), *voice(0, 30), *closing(30)])
    await expect(page.get_by_role("complementary")).to_have_count(0)


async def test_the_time_of_an_answer_is_without_what_was_paused(page: Page) -> None:
    halves = [*voice(0, 30), pause(30), resume(120), *voice(120, 150)]
    await open_written(page, [*opening(), *halves, *closing(150)])
    await expect(page.locator(".answer > .quiet").first).to_have_text(
        re.compile("^1 minute, from 0:00 on")
    )


async def test_who_was_seen_is_not_told_that_too_little_was_seen(page: Page) -> None:
    """A minute of talk that began late, too fast and full of 'um's; then nothing at all."""
    ums = [happened(VoiceEvent(type=VoiceEvent.FILLED_PAUSE), at) for at in range(10, 58, 2)]
    talk = [*voice(0, 10, speech=0.0), *voice(10, 60), speech(10, 260, 210), *ums]
    await open_written(page, [*opening(), *talk, *closing(60)])
    good, weak = page.locator(".summary .good"), page.locator(".summary .work")
    await expect(good).to_contain_text("Nothing lay clearly within what is usual this time.")
    await expect(weak.locator(".claims li")).to_have_count(2)
    await page.unroute_all()
    await page.goto("/#/data")
    await open_written(page, [*opening(), *closing(60)])
    too_little = "Too little was seen and heard to say."
    await expect(good).to_contain_text(f"{too_little} A longer practice will tell more.")
    await expect(weak).to_contain_text(too_little)
    await expect(weak).not_to_contain_text("stood out")


READ_WITHOUT_AFFECT = """
async ([report, off]) => {
  const { readReport } = await import('/views/report-data.js');
  const measures = await (await fetch('/api/measures')).json();
  for (const id of off) delete measures[id];
  const read = readReport(report, measures);
  const parts = [read, ...read.questions];
  return parts.flatMap((part) => [
    ...part.values.map((each) => each.measure),
    ...part.scores.map((each) => each.score),
    ...part.moments.map((each) => each.type),
    ...(part.series ?? []).map((each) => each.measure),
  ]);
}
"""


async def test_what_was_measured_before_affect_was_switched_off_is_not_shown(
    page: Page, practices: list[Practice]
) -> None:
    off = [name for name, measure in MEASURES.items() if measure.affect]
    await page.goto("/#/data")
    shown = await page.evaluate(READ_WITHOUT_AFFECT, [practices[0].report, off])
    assert "fluency" in shown
    assert not {*off, "brief_movement"} & set(shown)


async def test_export_holds_everything(
    page: Page, returned: None, practices: list[Practice]
) -> None:
    await page.goto("/#/data")
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Export everything").click()
    exported = json.loads(await content(await saving.value))
    assert exported["reports"] == [practice.report for practice in practices]
