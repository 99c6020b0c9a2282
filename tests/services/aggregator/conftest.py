"""A real recording as a whole session: the four analyzers over a real video, once a run."""

from pathlib import Path

import pytest

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
