"""Recordings of real people through the whole system, and what their reports say."""

import asyncio
import csv
import re
from collections.abc import Set
from pathlib import Path
from typing import Any

import jiwer
import pytest

from loadtest.recording import Recording
from tests.system.conftest import BODY, Greenroom, Replay, recording, replay

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DEMO = "video_talking/latentsync_demo3_gestures_en.mp4"
RETALKING = ["video_talking/retalking_face2.mp4", "video_talking/retalking_face3.mp4"]
GRID = ["video_grid/grid_brbk7n.mpg", "video_grid/grid_lbax4n.mpg"]
MAX_WORD_ERRORS = 0.25
FACE_SHARE = 0.95
RATE_TOLERANCE = 0.10
TRIES = 3
"""The machine may stand still while somebody speaks, but not each time."""

PACKETS_PER_CHUNK = 2
"""20 ms of Opus each, in 40 ms that are analysed."""

LAST_PACKETS = 3
"""May be missing: half a chunk, and what was on its way when the session ended."""

MEDIA_KINDS = ("KIND_FACE", "KIND_GESTURE", "KIND_VOICE")
ANALYZERS = {*MEDIA_KINDS, "KIND_ANSWERS"}


def expected_text(data: Path, file: str) -> str:
    """The manifest's text: in quotes where it stands with a note of its origin."""
    with (data / "MANIFEST.tsv").open() as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            if row["file"] == file:
                text = row["label_or_transcript"]
                quoted = re.search(r'"(.*)"', text)
                return quoted.group(1) if quoted else text
    raise LookupError(file)


DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def plain(text: str) -> str:
    """Lower case without punctuation; single digits as words, also in "x4"."""
    spelled = re.sub(r"(?<!\d)\d(?!\d)", lambda digit: f" {DIGITS[int(digit[0])]} ", text.lower())
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", spelled).split())


def word_errors(data: Path, file: str, got: Replay) -> float:
    return float(jiwer.wer(plain(expected_text(data, file)), plain(got.words)))


def check_accounting(got: Replay, *, surely: Set[str] = ANALYZERS) -> None:
    """received = processed + dropped, for every kind, to its last.

    surely: the analyzers that have said it by then. One that starts anew or has other sessions
    too may need longer than a report waits for it, which the session's end then says.
    """
    assert surely <= got.finished
    for coverage in got.report["coverage"]:
        if "accounting" not in coverage:
            continue
        counts = coverage["accounting"]
        accounted = int(counts.get("processed", 0)) + int(counts.get("pending", 0))
        accounted += sum(int(n) for n in counts.get("dropped", {}).values())
        assert int(counts.get("received", 0)) == accounted, coverage
        assert "error" not in counts.get("dropped", {}), "an analyzer raised"
        if coverage["kind"] in got.finished or coverage["kind"] not in ANALYZERS:
            assert counts.get("final"), coverage
            assert "pending" not in counts


def all_heard(got: Replay) -> bool:
    """The machine did not stand still so long that sound was lost or became too old."""
    gateway, voice = (
        got.accounting(f"KIND_{kind}").get("accounting", {}) for kind in ("GATEWAY_AUDIO", "VOICE")
    )
    if gateway.get("dropped") or voice.get("dropped"):
        return False
    # Of the last packets some may be on their way when the session ends.
    analysed = int(voice.get("processed", 0)) * PACKETS_PER_CHUNK
    return analysed >= got.audio_packets - LAST_PACKETS


async def replay_undisturbed(greenroom: Greenroom, *sources: Recording, **how: Any) -> list[Replay]:
    """At the same time, and again while any was disturbed; for judging what was heard."""
    for _ in range(TRIES):
        got = await asyncio.gather(*(replay(greenroom, source, **how) for source in sources))
        for one in got:
            check_accounting(one, surely=ANALYZERS if len(sources) == 1 else set())
        if all(map(all_heard, got)):
            break
    return got


async def test_a_talking_person_with_moving_hands(greenroom: Greenroom, shared_data: Path) -> None:
    [got] = await replay_undisturbed(greenroom, await recording(shared_data / DEMO))
    assert word_errors(shared_data, DEMO, got) <= MAX_WORD_ERRORS
    words = [w for q in got.report["questions"] for w in q["words"]]
    spoken_s = (int(words[-1]["end_ms"]) - int(words[0]["start_ms"])) / 1000
    expected = len(plain(expected_text(shared_data, DEMO)).split()) / spoken_s * 60
    rate = got.measure("speech_rate")["value"]
    assert abs(rate - expected) <= RATE_TOLERANCE * expected
    assert got.measure("face_in_view")["value"] >= 100 * FACE_SHARE
    assert got.measure("hands_in_view")["value"] >= 50
    assert got.measure("movement")["value"] > 0
    assert got.measure("gesture_rate")["value"] > 0


@pytest.mark.parametrize("file", RETALKING)
async def test_a_short_speech(greenroom: Greenroom, shared_data: Path, file: str) -> None:
    [got] = await replay_undisturbed(greenroom, await recording(shared_data / file))
    assert word_errors(shared_data, file, got) <= MAX_WORD_ERRORS
    assert got.measure("face_in_view")["value"] >= 100 * FACE_SHARE


async def test_sentences_of_the_grid_corpus(greenroom: Greenroom, shared_data: Path) -> None:
    """ "bin red by k seven now": letters and commands; single sentences of six words."""
    sources = [await recording(shared_data / file) for file in GRID]
    got = await replay_undisturbed(greenroom, *sources)
    expected, heard = [], []
    for file, one in zip(GRID, got, strict=True):
        assert one.measure("face_in_view")["value"] >= 100 * FACE_SHARE
        expected.append(plain(expected_text(shared_data, file)))
        heard.append(plain(one.words))
    assert jiwer.wer(expected, heard) <= MAX_WORD_ERRORS


async def test_no_face_and_no_speech(greenroom: Greenroom, shared_data: Path) -> None:
    path = shared_data / "video_gesture/mediapipe_open_palm_turn.mp4"
    got = await replay(greenroom, await recording(path))
    check_accounting(got)
    assert got.words == ""
    for measure in ("blink_rate", "eye_contact", "smile", "speech_rate", "answer_time"):
        value = got.measure(measure)
        assert "value" not in value
        assert value["not_seen"]
    assert got.measure("hands_in_view")["value"] > 90
    assert not any("score" in s and "value" in s for s in got.report.get("scores", []))
    notes = [c.get("note", "") for c in got.report["coverage"]]
    assert any("No face was seen" in note for note in notes)
    assert any("The microphone sent silence" in note for note in notes)


async def test_a_face_that_leaves(greenroom: Greenroom, shared_data: Path) -> None:
    path = shared_data / "video_expression/pyfeat_face_noface.mov"
    got = await replay(greenroom, await recording(path))
    check_accounting(got)
    assert 20 < got.measure("face_in_view")["value"] < 60
    assert any(m["type"] == "face_lost" for m in got.report["moments"])


async def test_sound_alone(greenroom: Greenroom, shared_data: Path) -> None:
    source = await recording(shared_data / DEMO)
    [got] = await replay_undisturbed(greenroom, source, leave_out="video")
    assert word_errors(shared_data, DEMO, got) <= MAX_WORD_ERRORS
    for measure in ("face_in_view", "blink_rate", "hands_in_view", "fidgeting"):
        assert got.measure(measure)["not_seen"] == "the camera was not used"
        assert "value" not in got.measure(measure)


async def test_picture_alone(greenroom: Greenroom, shared_data: Path) -> None:
    source = await recording(shared_data / "video_expression/liveportrait_d13.mp4")
    got = await replay(greenroom, source)
    check_accounting(got)
    assert got.words == ""
    assert got.measure("speech_rate")["not_seen"] == "the microphone was not used"
    assert got.measure("face_in_view")["value"] >= 100 * FACE_SHARE


async def test_a_silent_sound_track(greenroom: Greenroom, shared_data: Path) -> None:
    path = shared_data / "video_expression/pyfeat_pexels_woman_cry_to_smile.mp4"
    got = await replay(greenroom, await recording(path), duration_s=8)
    check_accounting(got)
    assert got.words == ""
    for measure in ("speech_rate", "pitch_median", "loudness", "response_delay"):
        assert "value" not in got.measure(measure)
    assert any("icrophone sent silence" in c.get("note", "") for c in got.report["coverage"])


async def test_a_standing_phone_far_away(greenroom: Greenroom, shared_data: Path) -> None:
    """Portrait 1080x1920, outdoors, the face small in the picture."""
    path = shared_data / "video_talking/latentsync_demo1_outdoor.mp4"
    got = await replay(greenroom, await recording(path))
    check_accounting(got)
    assert got.measure("face_in_view")["value"] >= 100 * FACE_SHARE


async def test_ended_before_anything_came(greenroom: Greenroom, shared_data: Path) -> None:
    """A report that says that nothing was seen."""
    source = await recording(shared_data / GRID[0])
    got = await replay(greenroom, source, duration_s=0.2, body=BODY | {"live_hints": False})
    check_accounting(got)
    assert got.words == ""
    assert all("value" not in s for s in got.report.get("scores", []))
    assert not got.report.get("strengths")
    assert not got.report.get("weaknesses")
