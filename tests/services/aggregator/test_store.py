"""Reports on a real SQLite file: what was put is there, what was erased is nowhere."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from greenroom.v1.report_pb2 import QuestionReport, Report, ReportWord
from sqlalchemy.exc import IntegrityError

from services.aggregator.report import to_json
from services.aggregator.store import OWNER_ONLY, Store, StoredReport
from tests.services.aggregator.conftest import OpenStore

SECRET = "a-word-that-only-one-candidate-said"


def report(session_id: str = "one", started_us: int = 1, word: str = SECRET) -> Report:
    questions = [QuestionReport(words=[ReportWord(text=word)])]
    return Report(session_id=session_id, started_us=started_us, questions=questions)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reports.db"


@pytest.fixture
async def store(file: Path, open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store(file) as opened:
        yield opened


async def on_disk(file: Path) -> bytes:
    """The database with its write-ahead log."""

    def read() -> bytes:
        return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))

    return await asyncio.to_thread(read)


async def test_nobody_else_on_the_machine_reads_the_files(store: Store, file: Path) -> None:
    await store.put("candidate", report())

    def modes() -> dict[str, int]:
        return {
            part.name: part.stat().st_mode & 0o777 for part in file.parent.glob(f"{file.name}*")
        }

    assert await asyncio.to_thread(modes) == {
        "reports.db": OWNER_ONLY,
        "reports.db-wal": OWNER_ONLY,
        "reports.db-shm": OWNER_ONLY,
    }


async def test_what_is_put_comes_back_byte_for_byte(store: Store) -> None:
    await store.put("candidate", report())
    stored = await store.get("one")
    assert stored
    assert stored.json.decode() == to_json(report())
    assert Report.FromString(stored.message) == report()


async def test_a_report_is_written_out_beside_the_event_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of half an hour it takes .2 s, for which other sessions must not wait."""
    threads: list[threading.Thread] = []

    def noted(made: Report) -> str:
        threads.append(threading.current_thread())
        return to_json(made)

    monkeypatch.setattr("services.aggregator.store.to_json", noted)
    await store.put("candidate", report())
    assert threads
    assert threading.current_thread() not in threads


async def test_an_unknown_session_has_no_report(store: Store) -> None:
    assert await store.get("nobody") is None


async def test_a_session_has_one_report_however_often_it_is_written(store: Store) -> None:
    await store.put("candidate", report(word="first"))
    await store.put("candidate", report(word="second"))
    stored = await store.of_candidate("candidate")
    assert [Report.FromString(each.message) for each in stored] == [report(word="second")]


async def test_a_candidate_s_reports_come_oldest_first(store: Store) -> None:
    for session_id, started_us in (("new", 30), ("old", 10), ("middle", 20)):
        await store.put("candidate", report(session_id, started_us))
    await store.put("somebody else", report("other", 15))
    found = [each.session_id for each in await store.of_candidate("candidate")]
    assert found == ["old", "middle", "new"]


async def test_what_is_erased_is_gone_from_the_disk(store: Store, file: Path) -> None:
    await store.put("candidate", report())
    assert SECRET.encode() in await on_disk(file)
    assert await store.erase(session_id="one") == ["one"]
    assert await store.get("one") is None
    assert SECRET.encode() not in await on_disk(file)


async def test_a_candidate_is_erased_with_all_reports_and_nobody_else(
    store: Store, file: Path
) -> None:
    for session_id in ("one", "two"):
        await store.put("candidate", report(session_id))
    await store.put("somebody else", report("other", word="kept"))
    assert sorted(await store.erase(candidate_id="candidate")) == ["one", "two"]
    assert not await store.of_candidate("candidate")
    assert SECRET.encode() not in await on_disk(file)
    assert b"kept" in await on_disk(file)


async def test_what_later_reports_hold_of_an_erased_one_goes_too(store: Store) -> None:
    def practice(number: int, speech_rate: float, *, compared_with: float) -> Report:
        made = report(f"practice {number}", number)
        made.measures.add(measure="speech_rate", value=speech_rate)
        made.baseline.reports = number
        made.baseline.first_minute["speech_rate"] = 150
        if number:
            made.baseline.history["speech_rate"] = compared_with
        return made

    await store.put("candidate", practice(0, 100, compared_with=0))
    await store.put("candidate", practice(1, 140, compared_with=100))
    await store.put("candidate", practice(2, 160, compared_with=120))
    await store.put("another", practice(3, 160, compared_with=100))

    await store.erase(session_id="practice 0")

    second, third = [
        Report.FromString(stored.message) for stored in await store.of_candidate("candidate")
    ]
    assert second.baseline.reports == 0
    assert not second.baseline.history
    assert second.baseline.first_minute["speech_rate"] == 150
    assert third.baseline.reports == 1
    assert third.baseline.history["speech_rate"] == 140
    stored = await store.get("practice 2")
    assert stored
    assert stored.json.decode() == to_json(third)
    (other,) = await store.of_candidate("another")
    assert Report.FromString(other.message).baseline.history["speech_rate"] == 100


async def test_erasing_nothing_erases_nothing(store: Store) -> None:
    await store.put("candidate", report())
    assert await store.erase() == []
    assert await store.erase(session_id="other") == []
    assert await store.get("one")


async def test_reports_outlast_the_process(file: Path, open_store: OpenStore) -> None:
    async with open_store(file) as first:
        await first.put("candidate", report())
    async with open_store(file) as second:
        assert await second.get("one")


async def test_earlier_practices_come_newest_first_and_no_more_than_asked(store: Store) -> None:
    for session_id, started_us in (("new", 30), ("old", 10), ("middle", 20)):
        await store.put("candidate", report(session_id, started_us))
    await store.put("somebody else", report("other", 15))
    assert [r.session_id for r in await store.before("candidate", 30, 5)] == ["middle", "old"]
    assert [r.session_id for r in await store.before("candidate", 40, 1)] == ["new"]


async def test_an_error_of_the_database_tells_nothing_of_a_report(store: Store) -> None:
    await store.put("candidate", report())
    with pytest.raises(IntegrityError) as failed:
        async with store._sessions.begin() as session:
            session.add(
                StoredReport(
                    session_id="one",
                    candidate_id="candidate",
                    started_us=1,
                    json=SECRET.encode(),
                    message=b"",
                )
            )
    assert SECRET not in str(failed.value)
