"""A candidate at the page: the steps that every interview test takes."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from greenroom.v1.common_pb2 import Header, Kind
from greenroom.v1.session_pb2 import Hint
from playwright.async_api import Locator, Page, Response, expect

from services.runtime.bus import Bus, now_us
from services.runtime.settings import RuntimeSettings
from tests.system.conftest import Greenroom

CALIBRATED = "Learned where your camera is."
HEARD = "You can be heard well."


async def choose(
    page: Page,
    *,
    camera: bool = True,
    microphone: bool = True,
    recording: bool = False,
    questions: int = 1,
) -> None:
    """From the first page to the list of questions."""
    await page.goto("/")
    await page.get_by_label("Microphone", exact=True).set_checked(microphone)
    await page.get_by_label("Camera", exact=True).set_checked(camera)
    await page.get_by_label("Keep the recording").set_checked(recording)
    await page.get_by_label("The job you’d like").fill("software engineer")
    await page.get_by_label("Number of questions").select_option(str(questions))
    await page.get_by_role("button", name="Choose my questions").click()
    await expect(page.get_by_role("heading", name="Your questions")).to_be_visible()


async def set_up(page: Page) -> None:
    """On to camera and sound."""
    await page.get_by_role("button", name="Set up").click()
    await expect(page.get_by_role("heading", name="See and hear yourself first")).to_be_visible()


async def start(page: Page) -> None:
    """Past the check, which nobody has to wait for, to the first question."""
    button = page.get_by_role("button", name="Start the interview")
    await expect(button).to_be_enabled()
    await button.click()
    await under_way(page)


async def begin(page: Page, **choices: Any) -> None:
    """From the first page to the first question."""
    await choose(page, **choices)
    await set_up(page)
    await start(page)


async def under_way(page: Page) -> None:
    """A question is asked and the answer is being heard."""
    await expect(page.get_by_role("button", name="Pause")).to_be_enabled()


def captions(page: Page) -> Locator:
    return page.get_by_role("group", name="Captions")


async def heard_anew(page: Page) -> None:
    """Something is said after this moment, and comes back as a caption."""
    before = await captions(page).inner_text()
    await expect(captions(page)).not_to_have_text(before)
    await expect(captions(page)).to_have_text(re.compile(r"\w+ \w+"))


async def finish(page: Page) -> dict[str, Any]:
    """Past the last question; the report as the page's own API gives it."""
    await page.get_by_role("button", name="Finish and see my report").click()
    return await report(page)


async def end_now(page: Page) -> dict[str, Any]:
    """Before the last question."""
    await page.get_by_role("button", name="End now").click()
    await page.get_by_role("button", name="End and see the report").click()
    return await report(page)


async def report(page: Page) -> dict[str, Any]:
    """The report that the page shows."""
    await expect(page).to_have_url(re.compile("#/report/"))
    got: dict[str, Any] = await page.evaluate(
        """async () => {
            const { Store } = await import('/lib/store.js');
            const { Api } = await import('/lib/api.js');
            return new Api(new Store()).report(location.hash.split('/').at(-1));
        }"""
    )
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    return got


def words(report: dict[str, Any]) -> list[str]:
    return [word["text"] for question in report["questions"] for word in question.get("words", [])]


class Offers:
    """Counts the WHIP offers that a page's gateway has answered."""

    def __init__(self, page: Page) -> None:
        self.answered = 0
        page.on("response", self._on_response)

    def _on_response(self, response: Response) -> None:
        if "/whip/" in response.url and response.status == 201:
            self.answered += 1


async def created(page: Page) -> dict[str, Any]:
    """What the gateway answered when the page's session was made."""
    got: dict[str, Any] = await page.evaluate(
        "JSON.parse(localStorage['greenroom.running']).created"
    )
    return got


async def session_id(page: Page) -> str:
    return str((await created(page))["session_id"])


@asynccontextmanager
async def bus(greenroom: Greenroom) -> AsyncIterator[Bus]:
    async with await Bus.connect(RuntimeSettings(nats_url=greenroom.nats_url), "test") as connected:
        yield connected


def hint(session: str, name: str, show_ms: int = 3_000) -> Hint:
    """A nudge as the aggregator sends it."""
    return Hint(
        header=Header(session_id=session, capture_time_us=now_us()),
        hint_id=name,
        trigger="slow_down",
        text="Slow down",
        icon="slower",
        show_ms=show_ms,
        decided_us=now_us(),
        source=Kind.KIND_VOICE,
    )
