"""Hints against what a recording is known to bring."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from loadtest.client import Client
from loadtest.expected import BY_SIGHT, BY_SOUND, TRIGGERS, Expectation, Expected, Judgement, beside
from loadtest.recording import Recording, RecordingError
from loadtest.session import LoadSession, Target
from loadtest.stages import Stages
from loadtest.whip import Network
from services.aggregator import triggers

FILE = """
hints:
  - {trigger: look_up, from_s: 12, to_s: 25}
  - {trigger: speak_up, from_s: 50, to_s: 60}
never: [slow_down]
"""


@pytest.mark.parametrize(
    ("heard", "length_s", "judgement"),
    [
        ([], 90, Judgement(expected=2, found=0, judged=0, wrong=0)),
        ([("look_up", 14)], 90, Judgement(expected=2, found=1, judged=1, wrong=0)),
        ([("slow_down", 3), ("look_up", 80)], 90, Judgement(2, 0, judged=2, wrong=2)),
        ([("look_up", 14), ("look_up", 80)], 90, Judgement(2, 1, judged=2, wrong=1)),
        ([("good_pace", 60)], 90, Judgement(2, 0, judged=0, wrong=0)),  # of it nothing is said
        ([("look_up", 14)], 55, Judgement(expected=1, found=1, judged=1, wrong=0)),
        ([("speak_up", 51)], 55, Judgement(expected=2, found=1, judged=1, wrong=0)),
        ([], 5, Judgement(expected=0, found=0, judged=0, wrong=0)),
    ],
)
def test_hints_are_held_against_what_the_file_says(
    tmp_path: Path, heard: list[tuple[str, float]], length_s: float, judgement: Judgement
) -> None:
    (tmp_path / "clip.expected.yaml").write_text(FILE)
    expectation = beside(tmp_path / "clip.mp4")
    assert expectation is not None
    assert expectation.judge(heard, length_s) == judgement


def test_a_recording_that_is_sent_again_is_judged_by_its_first_pass() -> None:
    recording = Recording("clip.mp4", 44.5, [], [])
    want = Expected(trigger="look_up", from_s=12, to_s=25)
    session = LoadSession(
        Target(), recording, Network(), Stages(), expectation=Expectation(hints=[want])
    )
    session._sent_s = -3.0  # the first question comes a little after the recording's beginning
    session._heard = [("look_up", 14.0), ("look_up", 44.5 - 3.0 + 2.0)]
    session._ended_s = 90.0
    session._read({}, cast(Client, SimpleNamespace(created={"questions": []})))
    result = session.result
    assert (result.hints_expected, result.hints_found) == (1, 1)
    assert (result.hints_judged, result.hints_wrong) == (1, 0)


def test_only_named_triggers_must_not_come(tmp_path: Path) -> None:
    """A file that names one hint: another is not judged by it, the same elsewhere is wrong."""
    (tmp_path / "clip.expected.yaml").write_text(
        "hints: [{trigger: look_up, from_s: 12, to_s: 25}]"
    )
    expectation = beside(tmp_path / "clip.mp4")
    assert expectation is not None
    assert expectation.judge([("slow_down", 3), ("look_up", 80)], 90) == Judgement(1, 0, 1, 1)


@pytest.mark.parametrize(
    "content", ["never: [lookup]", "hints: [{trigger: lookup, from_s: 1, to_s: 2}]"]
)
def test_a_misspelt_trigger_is_told_with_the_known_ones(tmp_path: Path, content: str) -> None:
    (tmp_path / "clip.expected.yaml").write_text(content)
    with pytest.raises(RecordingError, match=r"lookup is no trigger; there are: .*look_up"):
        beside(tmp_path / "clip.mp4")


def test_every_trigger_of_the_aggregator_is_known() -> None:
    source = Path(inspect.getfile(triggers)).read_text()
    found = re.findall(r'now\.trigger\(\s*"(\w+)".*?Kind\.KIND_(\w+)', source, re.DOTALL)
    assert {trigger for trigger, _ in found} == TRIGGERS
    assert {trigger for trigger, kind in found if kind in ("FACE", "GESTURE")} == BY_SIGHT
    assert {trigger for trigger, kind in found if kind == "VOICE"} == BY_SOUND


def test_nothing_beside_the_recording(tmp_path: Path) -> None:
    assert beside(tmp_path / "clip.mp4") is None


@pytest.mark.parametrize(
    "content", [b"hints: [{trigger: a}]", b"hnits: []", b"[: }", b"\x89PNG\r\n\x1a\n"]
)
def test_a_file_that_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.expected.yaml").write_bytes(content)
    with pytest.raises(RecordingError, match=r"clip\.expected\.yaml"):
        beside(tmp_path / "clip.mp4")
