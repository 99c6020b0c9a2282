"""Hints against what a recording is known to bring."""

from pathlib import Path

import pytest

from loadtest.expected import beside
from loadtest.recording import RecordingError


def test_hints_that_came_and_hints_that_must_not(tmp_path: Path) -> None:
    (tmp_path / "clip.expected.yaml").write_text(
        "hints:\n"
        "  - {trigger: look_up, from_s: 12, to_s: 25}\n"
        "  - {trigger: speak_up, from_s: 12, to_s: 25}\n"
        "never: [slow_down]\n"
    )
    expectation = beside(tmp_path / "clip.mp4")
    assert expectation is not None
    assert expectation.count([("look_up", 14.0), ("slow_down", 40.0), ("good_pace", 60.0)]) == (
        1,
        1,
    )
    assert expectation.count([("look_up", 26.0)]) == (0, 0)


def test_nothing_beside_the_recording(tmp_path: Path) -> None:
    assert beside(tmp_path / "clip.mp4") is None


@pytest.mark.parametrize(
    "content", [b"hints: [{trigger: a}]", b"hnits: []", b"[: }", b"\x89PNG\r\n\x1a\n"]
)
def test_a_file_that_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.expected.yaml").write_bytes(content)
    with pytest.raises(RecordingError, match=r"clip\.expected\.yaml"):
        beside(tmp_path / "clip.mp4")
