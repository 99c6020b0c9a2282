"""A person's own data: erased from every store; affect switched off leaves no trace."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import nats
import pytest
from nats.js.errors import NoKeysError
from playwright.async_api import Browser, Page, expect

from loadtest.recording import load
from services.runtime.bus import LEASES_BUCKET, SESSIONS_BUCKET, STREAM
from tests.system.conftest import Greenroom, start, stop
from tests.system.test_replay import RETALKING
from tests.web.conftest import MODULE_LOOP
from tests.web.practices import Practice, keep_recording, practise, replayed, stored_in_browser

pytestmark = [*MODULE_LOOP, pytest.mark.timeout(240)]

SECONDS = 20.0
SHORT = 12.0
KEPT = {"words", "database", "stream", "bucket"}
AFFECT = ["stress", "confiden", "smil", "frown", "facial movement"]


async def test_erased_is_gone_from_every_store(
    page: Page, greenroom: Greenroom, shared_data: Path
) -> None:
    # Of another speaker, so that the other practices hold none of these words.
    source = await asyncio.to_thread(load, shared_data / RETALKING[0])
    practice = await practise(greenroom.url, source, SHORT)
    # Once: an init script would bring the token back with every page.
    await page.goto("/#/data")
    await page.evaluate(
        f"localStorage.setItem('greenroom.candidate', '{practice.candidate_token}')"
    )
    await keep_recording(page, practice, 2)
    assert (await stored_in_browser(page))["recordings"] == [practice.session_id]
    assert await kept_by_server(greenroom, practice) == KEPT
    await page.reload()
    await expect(page.locator("main")).to_contain_text("1 report")
    await page.get_by_role("button", name="Erase everything").click()
    confirm = page.get_by_role("dialog")
    await confirm.get_by_role("button", name="Keep it").click()
    await expect(confirm).to_be_hidden()
    assert await kept_by_server(greenroom, practice) == KEPT
    await page.get_by_role("button", name="Erase everything").click()
    await confirm.get_by_role("button", name="Erase everything").click()
    await expect(page.get_by_role("heading", name="It is gone")).to_be_visible()
    kept = await stored_in_browser(page)
    assert kept["storage"] == kept["session"] == {}
    assert kept["recordings"] == []
    assert await kept_by_server(greenroom, practice) == set()
    async with httpx.AsyncClient(base_url=greenroom.url) as http:
        headers = {"Authorization": f"Bearer {practice.candidate_token}"}
        listed = await http.get("/api/candidates/me/reports", headers=headers)
        assert listed.json() == []


async def test_a_recording_is_saved_as_what_it_is_and_erased_by_itself(page: Page) -> None:
    await page.goto("/#/data")
    await page.evaluate(
        """async () => {
          const { Store } = await import('/lib/store.js');
          const blob = new Blob(['picture'], { type: 'video/mp4;codecs=avc1' });
          for (const session of ['one', 'two']) {
            await new Store().addChunk(session, Date.now(), 0, Date.now(), blob);
          }
        }"""
    )
    await page.reload()
    kept = page.get_by_role("region", name="What is kept")
    await expect(kept).to_contain_text("In this browser: 2 recordings.")
    async with page.expect_download() as saving:
        await kept.get_by_role("button", name="Save").first.click()
    assert (await saving.value).suggested_filename == "greenroom-recording-1.mp4"
    await kept.get_by_role("button", name="Erase").first.click()
    await expect(kept).to_contain_text("In this browser: 1 recording.")
    await expect(kept.get_by_role("heading")).to_be_focused()
    await kept.get_by_role("button", name="Erase").click()
    await expect(kept).to_contain_text("No recordings")
    assert (await stored_in_browser(page))["recordings"] == []


async def kept_by_server(greenroom: Greenroom, practice: Practice) -> set[str]:
    """The stores that hold anything of a practice: looked into directly."""
    session = practice.session_id
    kept = set()
    said = " ".join(word["text"] for word in practice.report["questions"][0]["words"][:3])
    if await asyncio.to_thread(_in_files, greenroom.log.parent, said):
        kept.add("words")
    if await asyncio.to_thread(_in_database, greenroom.log.parent, session):
        kept.add("database")
    connection = await nats.connect(greenroom.nats_url)
    try:
        js = connection.jetstream()
        subjects = (await js.stream_info(STREAM, subjects_filter=">")).state.subjects or {}
        if any(session in subject for subject in subjects):
            kept.add("stream")
        for bucket in (SESSIONS_BUCKET, LEASES_BUCKET):
            try:
                keys = await (await js.key_value(bucket)).keys()
            except NoKeysError:
                continue
            if any(session in key for key in keys):
                kept.add("bucket")
    finally:
        await connection.close()
    return kept


def _in_files(data: Path, said: str) -> bool:
    """What was said, in any file: the database's, its log's, the stream's."""
    assert said
    return any(said.encode() in file.read_bytes() for file in data.rglob("*") if file.is_file())


def _in_database(data: Path, session: str) -> bool:
    """Rows of the session; and its bytes must not linger in the file either."""
    file = data / "greenroom.db"
    with sqlite3.connect(file) as database:
        rows = database.execute(
            "select count(*) from reports where session_id = ?", (session,)
        ).fetchone()[0]
    lingering = any(session.encode() in part.read_bytes() for part in data.glob(f"{file.name}*"))
    return bool(rows) or lingering


@pytest.fixture(scope="module")
def without_affect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenroom]:
    running = start(tmp_path_factory.mktemp("without-affect"), {"GREENROOM_AFFECT": "off"})
    yield running
    stop(running)


async def test_affect_off_leaves_no_trace_of_it(
    browser: Browser, without_affect: Greenroom
) -> None:
    practice = await practise(without_affect.url, await replayed(), SECONDS)
    page = await browser.new_page(base_url=without_affect.url)
    await page.goto("/")
    token = practice.candidate_token
    await page.evaluate(f"localStorage.setItem('greenroom.candidate', '{token}')")
    for view, part in ((f"report/{practice.session_id}", ".scores"), ("progress", ".practices")):
        await page.goto(f"/#/{view}")
        await page.locator(part).first.wait_for()
        await page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )
        text = (await page.locator("main").inner_text()).lower()
        assert part == ".practices" or "fluency" in text
        assert not [word for word in AFFECT if word in text]
    await page.close()
