"""A real recording as a whole session: the four analyzers over a real video, once a run."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from blockbuster import BlockBuster

from services.aggregator.store import Store
from services.runtime.questions import choose
from training.fusion.sessions import Message, analyse, session

TALK = "video_talking/latentsync_demo3_gestures_en.mp4"


@pytest.fixture(scope="session")
def talk(shared_data: Path) -> list[Message]:
    """20 s of a man telling a story, in answer to one question."""
    return session([analyse(shared_data / TALK)], choose(None, None, "software engineer", 1))


@pytest.fixture(scope="session")
def long_talk(shared_data: Path) -> list[Message]:
    """The same again and again: 2:40, two questions."""
    recording = analyse(shared_data / TALK)
    return session([recording] * 8, choose(None, None, "software engineer", 2))


class OpenStore(Protocol):
    def __call__(
        self, file: Path, kind: type[Store] = ...
    ) -> AbstractAsyncContextManager[Store]: ...


@pytest.fixture
def open_store(no_blocking_calls: BlockBuster) -> OpenStore:
    """Opens a store on a database file. Opening reads the migrations' files; a service does it
    before it serves anybody, so there it may block."""

    @asynccontextmanager
    async def opened(file: Path, kind: type[Store] = Store) -> AsyncIterator[Store]:
        no_blocking_calls.deactivate()
        try:
            store = await kind(f"sqlite+aiosqlite:///{file}").__aenter__()
        finally:
            no_blocking_calls.activate()
        try:
            yield store
        finally:
            await store.__aexit__()

    return opened
