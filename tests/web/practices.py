"""Practices to look at afterwards: recordings replayed by a client, and opened in the page."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.async_api import BrowserContext, Page, expect

from loadtest.client import REQUEST_TIMEOUT_S, Client
from loadtest.compose import composed
from loadtest.recording import Recording, default_cache, load
from tests.web.conftest import RECORDING

BODY: dict[str, Any] = {"role": "software engineer", "question_count": 1}

KEEP_RECORDING = """
async ([session, startedMs, seconds]) => {
  const { Store } = await import('/lib/store.js');
  const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const recorder = new MediaRecorder(stream, { mimeType: 'video/webm;codecs=vp8,opus' });
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((done) => { recorder.onstop = done; });
  recorder.start(1000);
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  recorder.stop();
  await stopped;
  for (const track of stream.getTracks()) track.stop();
  const store = new Store();
  const endedMs = startedMs + 1000 * seconds;
  for (const [number, chunk] of chunks.entries()) {
    await store.addChunk(session, startedMs, number, endedMs, chunk);
  }
}
"""
"""What the page keeps when the candidate asks for the recording."""


async def replayed() -> Recording:
    """What the practices replay: the real recording, or the composed one where it is not."""

    def loaded() -> Recording:
        return load(RECORDING if RECORDING.exists() else composed(default_cache()))

    return await asyncio.to_thread(loaded)


@dataclass(frozen=True)
class Practice:
    """A practice whose report is written."""

    session_id: str
    candidate_token: str
    report: dict[str, Any]


async def practise(
    url: str,
    recording: Recording,
    seconds: float,
    *,
    token: str | None = None,
    body: dict[str, Any] | None = None,
) -> Practice:
    """Replay a recording over the session's questions. token: the candidate's, to come back."""
    async with httpx.AsyncClient(base_url=url, timeout=REQUEST_TIMEOUT_S) as http:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        made = await http.post("/api/sessions", json=body or BODY, headers=headers)
        created = made.raise_for_status().json()
        client = Client(http, created)
        try:
            await client.join(recording, seconds)
            for question in created["questions"]:
                await client.ask(question["id"])
                await asyncio.sleep(seconds / len(created["questions"]))
            await client.until_sent()
            await client.end()
            report, _, _ = await client.report()
        finally:
            await client.leave()
    return Practice(client.session_id, created["candidate_token"], report)


async def come_back(context: BrowserContext, token: str) -> None:
    """Pages of this profile belong to the candidate from now on."""
    await context.add_init_script(f"localStorage.setItem('greenroom.candidate', '{token}')")


async def open_report(page: Page, practice: Practice) -> None:
    await page.goto(f"/#/report/{practice.session_id}")
    await page.get_by_role("heading", name="Your practice", exact=True).wait_for()


async def plots_drawn(page: Page) -> None:
    """They are drawn one after the other when the page has nothing else to do."""
    await expect(page.locator(".plot:visible").first).to_be_attached()
    await expect(page.locator(".plot:visible:not([data-drawn])")).to_have_count(0)


async def keep_recording(page: Page, practice: Practice, seconds: float) -> None:
    """As if the candidate had asked for it: this browser's own recorder and store."""
    started_ms = int(practice.report["started_us"]) / 1000
    await page.evaluate(KEEP_RECORDING, [practice.session_id, started_ms, seconds])


async def stored_in_browser(page: Page) -> dict[str, Any]:
    """All that the page keeps: local storage and the recordings' chunks."""
    found = await page.evaluate(
        """async () => {
          const { Store } = await import('/lib/store.js');
          return JSON.stringify({
            storage: { ...localStorage },
            session: { ...sessionStorage },
            recordings: await new Store().recordedSessions(),
            databases: (await indexedDB.databases()).map((each) => each.name),
          });
        }"""
    )
    kept: dict[str, Any] = json.loads(found)
    return kept
