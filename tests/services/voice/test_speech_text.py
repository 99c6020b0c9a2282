"""What is asked of the transcriber, and what is said of its answers."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from greenroom.v1.signals_pb2 import TranscriptSegment, VoiceEvent

from services.runtime import models
from services.runtime.analyzer import Observation
from services.runtime.media import Pcm
from services.voice import speech_text
from services.voice.clock import StreamClock
from services.voice.hearing import Hearing
from services.voice.speech_text import SpeechText
from services.voice.transcription import Background, Inline
from services.voice.utterances import Utterance
from training.data import manifest
from training.voice.sound import Samples, load

SECOND = 16_000


class Room:
    """Speech, the text of it, and a transcriber that can be kept busy."""

    def __init__(self) -> None:
        self.samples: Samples = load(models.path("voice", "speech_beckett"))[: 5 * SECOND]
        clock = StreamClock()
        clock.lay(Pcm(self.samples, 0, 0))
        self.background = Background()
        self.text = SpeechText(clock, self.background)
        self.idle = threading.Event()

    def keep_busy(self) -> None:
        def wait() -> Hearing:
            self.idle.wait(20)
            return Hearing([], [], [], [])

        assert self.background.submit(wait, partial=True)

    def take(self, seconds: float, *, pause: bool = False, final: bool = False) -> None:
        """What is known of the utterance when that much of it has been said."""
        samples = self.samples[: int(seconds * SECOND)]
        stretches = ((0, len(samples)),)
        self.text.take(
            Utterance(1, 0, 0, samples, stretches, 0, final=final, at_pause=pause or final)
        )


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(speech_text, "FINISH_SECONDS", 30.0)  # however busy the machine is
    room = Room()
    yield room
    room.idle.set()


def texts(found: list[Observation]) -> list[tuple[str, bool]]:
    bodies = [seen.body for seen in found]
    return [(body.text, body.final) for body in bodies if isinstance(body, TranscriptSegment)]


def test_looks_that_were_overtaken_are_given_up(room: Room) -> None:
    room.keep_busy()
    for seconds in (1.0, 1.6, 2.2):
        room.take(seconds)
    assert texts(room.text.collect()) == []
    room.idle.set()
    assert texts(room.text.finish()) == [("Ever tried ever,", False)]


def test_what_was_heard_at_a_pause_is_not_heard_again_when_it_is_final(room: Room) -> None:
    room.take(4.6, pause=True)
    ((text, final),) = texts(room.text.finish())
    assert not final
    room.keep_busy()
    room.take(4.6, final=True)
    assert texts(room.text.collect()) == [(text, True)]


def test_text_that_comes_too_late_is_told_as_missed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_text, "FINISH_SECONDS", 0.05)
    room.keep_busy()
    room.take(4.6, final=True)
    (missed,) = [seen.body for seen in room.text.finish()]
    assert isinstance(missed, TranscriptSegment)
    assert missed.missed
    assert missed.text == ""


@pytest.mark.parametrize("noise", [0.0, 20.0, 3000.0])
def test_words_made_up_where_nothing_is_said_are_not_told(room: Room, noise: float) -> None:
    random = np.random.default_rng(6)
    room.samples = random.normal(0, noise, 2 * SECOND).astype(np.int16)
    room.take(2.0, final=True)
    assert texts(room.text.finish()) == []


def test_a_look_that_was_given_up_is_not_given_up_again(room: Room) -> None:
    """The next one was refused, as too much was waiting; then the end of the utterance comes."""
    room.keep_busy()
    room.take(1.0)
    while room.background.submit(lambda: Hearing([], [], [], []), partial=True):
        pass
    room.take(1.6)  # gives the first up, and is itself refused
    room.take(4.6, final=True)
    room.idle.set()
    ((text, final),) = texts(room.text.finish())
    assert final
    assert text


def test_a_filled_pause_that_two_utterances_hear_is_told_once(shared_data: Path) -> None:
    """The one from 5.11 to 5.93 s: in the first one's tail, and before the other's first word."""
    (entry,) = [e for e in manifest(shared_data, "speech_disfluent") if "uh um" in e.label]
    samples = load(entry.path)
    clock = StreamClock()
    clock.lay(Pcm(samples, 0, 0))
    text = SpeechText(clock, Inline())
    for number, (start, end) in enumerate(((0, 6 * SECOND), (5 * SECOND, len(samples)))):
        sound = samples[start:end]
        text.take(Utterance(number, start, 0, sound, ((start, end),), 0, final=True, at_pause=True))
    told = [seen for seen in text.finish() if isinstance(seen.body, VoiceEvent)]
    assert len(told) >= 5
    assert all(before.end_us <= after.start_us for before, after in pairwise(told))
    assert len([seen for seen in told if 5e6 < seen.start_us < 6e6]) == 1
