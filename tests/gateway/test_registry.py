"""Sessions in the bucket: tokens, compare-and-set, the end that happens once."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from greenroom.v1.session_pb2 import Consent, Question, SessionEvent, SessionInfo

from gateway.errors import ApiError
from gateway.registry import Registry, candidate_id_of, new_token
from services.runtime.bus import Bus
from tests.gateway.test_sessions import events_of


@pytest.fixture
def registry(bus: Bus) -> Registry:
    return Registry(bus, session_minutes=1)


async def create(registry: Registry, candidate: str = "c1") -> tuple[SessionInfo, str]:
    return await registry.create(candidate, [Question(id="q")], Consent(camera=True), True)


async def refused(registry: Registry, session_id: str, header: str | None) -> int:
    with pytest.raises(ApiError) as error:
        await registry.authorize(session_id, header)
    return error.value.status


async def test_a_token_opens_its_session_alone(registry: Registry) -> None:
    (one, token), (two, other) = await create(registry), await create(registry)
    info = await registry.authorize(one.session_id, f"Bearer {token}")
    assert info == one
    assert token not in str(info), "its hash alone is kept"
    assert await registry.authorize(one.session_id, f"bearer {token}") == one
    assert await refused(registry, one.session_id, f"Bearer {other}") == 403
    assert await refused(registry, two.session_id, f"Bearer {token}") == 403
    for header in (None, "", "Bearer", "Bearer ", token, f"Basic {token}"):
        assert await refused(registry, one.session_id, header) == 401


@pytest.mark.parametrize("session_id", ["", "0" * 24, "*", ">", "a.b", "²" * 24, "A" * 24])
async def test_no_such_session(registry: Registry, session_id: str) -> None:
    assert await refused(registry, session_id, "Bearer x") == 404


async def test_an_expired_session(bus: Bus) -> None:
    registry = Registry(bus, session_minutes=0.0001)
    info, token = await create(registry)
    await asyncio.sleep(0.02)
    assert await refused(registry, info.session_id, f"Bearer {token}") == 401


async def test_the_end_happens_once(registry: Registry, bus: Bus) -> None:
    info, token = await create(registry)
    await asyncio.gather(*(registry.end(info.session_id, "done") for _ in range(5)))
    assert await events_of(bus, info.session_id) == ["started", "ended"]
    assert await refused(registry, info.session_id, f"Bearer {token}") == 410
    ended = await registry.authorize(info.session_id, f"Bearer {token}", live=False)
    assert ended.ended


async def test_changes_at_the_same_time_all_count(registry: Registry) -> None:
    info, _ = await create(registry)

    def add(number: int) -> None:
        def change(entry: SessionInfo) -> None:
            entry.question_ids.append(f"q{number}")

        changes.append(registry.change(info.session_id, change))

    changes: list[Coroutine[Any, Any, None]] = []
    for number in range(8):
        add(number)
    await asyncio.gather(*changes)
    found = await registry.find(info.session_id)
    assert set(found.question_ids) == {"q", *(f"q{n}" for n in range(8))}


async def test_what_was_asked_is_in_no_file_after_the_erasure(
    registry: Registry, bus: Bus, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each change of a session leaves its former entry in the server's files."""
    asked = f"what only this candidate was asked {new_token()}"

    def left() -> int:
        files = tmp_path_factory.getbasetemp().rglob("*.blk")
        return sum(file.read_bytes().count(asked.encode()) for file in files)

    questions = [Question(id="q", text=asked, why=asked)]
    info, _ = await registry.create(
        candidate_id_of(new_token()), questions, Consent(camera=True), live_hints=True
    )
    await registry.end(info.session_id, "done")
    assert (await bus.started(info.session_id)).questions == questions
    assert await asyncio.to_thread(left) == 2
    await bus.purge(info.session_id)
    assert await asyncio.to_thread(left) == 0
    assert not (await bus.started(info.session_id)).questions


async def test_sessions_of_a_candidate(registry: Registry, bus: Bus) -> None:
    candidate = candidate_id_of(new_token())
    made = {(await create(registry, candidate))[0].session_id for _ in range(3)}
    gone = made.pop()
    await bus.purge(gone)
    assert set(await registry.sessions_of(candidate)) == made
    assert await registry.sessions_of("nobody") == []


async def test_events_without_an_id_are_all_said(registry: Registry, bus: Bus) -> None:
    info, _ = await create(registry)
    for _ in range(2):
        event = SessionEvent()
        event.paused.SetInParent()
        await registry.say(info.session_id, event)
    assert await events_of(bus, info.session_id) == ["started", "paused", "paused"]
