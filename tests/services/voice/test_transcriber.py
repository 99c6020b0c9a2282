import numpy as np
import pytest

from services.runtime import models
from services.voice import tokenizer, transcriber
from services.voice.transcriber import Signal
from training.voice import texts
from training.voice.sound import load


@pytest.fixture(scope="module")
def speech() -> Signal:
    """Ever tried, ever failed, no matter: the first 4.6 s."""
    samples = load(models.path("voice", "speech_beckett"))[: int(4.6 * 16_000)]
    return np.asarray(samples / 32768, np.float32)


def test_read_speech_is_transcribed(speech: Signal) -> None:
    transcript = transcriber.transcribe(speech)
    assert texts.words(transcript.text) == ["ever", "tried", "ever", "failed", "no", "matter"]
    assert [text for text, _, _ in transcript.words] == transcript.text.split()
    assert all(0 < confidence <= 1 for _, confidence, _ in transcript.words)
    starts = [start for _, _, start in transcript.words]
    assert starts[0] == 0
    assert all(tokenizer.starts_word(transcript.tokens[start]) for start in starts)
    assert len(transcript.states) == pytest.approx(len(speech) / transcriber.ENCODER_STEP, abs=3)


@pytest.mark.parametrize("kept", [0, 5, None])
def test_a_right_draft_gives_the_same_words(speech: Signal, kept: int | None) -> None:
    whole = transcriber.transcribe(speech)
    again = transcriber.transcribe(speech, whole.tokens[:kept])
    assert texts.words(again.text) == texts.words(whole.text)
    assert len(again.log_probabilities) == len(again.tokens)


@pytest.mark.parametrize("start", [0, 4])
def test_a_wrong_draft_is_corrected(speech: Signal, start: int) -> None:
    whole = transcriber.transcribe(speech)
    draft = whole.tokens[:start] + [token + 1 for token in whole.tokens[start:]] * 2
    again = transcriber.transcribe(speech, draft)
    assert texts.words(again.text) == texts.words(whole.text)


def test_a_draft_that_is_nearly_as_good_can_be_kept(speech: Signal) -> None:
    whole = transcriber.transcribe(speech)
    comma = next(token for token in whole.tokens if tokenizer.decode([token]) == ",")
    draft = [*whole.tokens[:-1], comma]
    assert "matter," in transcriber.transcribe(speech, draft, keep_within=20.0).text
    assert "matter," not in transcriber.transcribe(speech, draft).text


def test_a_comma_that_is_said_twice_is_written_once() -> None:
    pieces = ["▁short", ",", ",", "▁and", ".", ".", "."]
    tokens = [tokenizer.vocabulary().index(piece.encode()) for piece in pieces]
    states = np.zeros((1, 288), np.float32)
    transcript = transcriber.Transcript(tokens, [0.0] * len(tokens), states)
    assert [text for text, _, _ in transcript.words] == ["short,", "and..."]


@pytest.mark.parametrize("level", [0.0, 0.001, 0.05])
def test_noise_never_becomes_more_text_than_can_be_said(level: float) -> None:
    noise = np.random.default_rng(3).normal(0, 1, 32_000).astype(np.float32) * level
    limit = 2 * transcriber.TOKENS_PER_SECOND + transcriber.SPARE_TOKENS
    assert len(transcriber.transcribe(noise).tokens) <= limit


def test_sound_shorter_than_the_encoder_needs_is_padded() -> None:
    assert len(transcriber.transcribe(np.zeros(10, np.float32)).states) > 1


def test_words_said_many_times_are_no_loop(speech: Signal) -> None:
    """A phrase of 1.6 s five times, what is said after it too."""
    phrase, after = speech[:25_600], speech[25_600:]
    transcript = transcriber.transcribe(np.concatenate([phrase] * 5 + [after]))
    assert texts.words(transcript.text) == ["ever", "tried"] * 5 + [
        "ever",
        "failed",
        "no",
        "matter",
    ]
    alone = transcriber.transcribe(np.concatenate([phrase] * 8))
    assert texts.words(alone.text) == ["ever", "tried"] * 8


def test_a_loop_of_the_decoder_is_told_once() -> None:
    """A mains hum, of which it says the same to the limit."""
    hum = 0.2 * np.sin(2 * np.pi * 50 * np.arange(160_000) / 16_000)
    assert len(transcriber.transcribe(hum.astype(np.float32)).tokens) < 20


def test_a_loop_ends_at_its_first_round() -> None:
    assert transcriber.loop_start([7, 1, 2, 1, 2, 1, 2, 1, 2]) == 3
    assert transcriber.loop_start([7, 1, 2, 1, 2, 1, 2]) is None
    assert transcriber.loop_start([5, 5, 5, 5]) == 1
    assert transcriber.loop_start([]) is None


def test_a_loop_is_found_however_long_it_is_and_wherever_it_breaks_off() -> None:
    assert transcriber.loop_start([7, *[1, 2, 3] * 9]) == 4
    assert transcriber.loop_start([7, *[1, 2, 3] * 9, 1, 2]) == 4
    assert transcriber.loop_start([7, *[1, 2, 3] * 9, 4]) is None
    assert transcriber.loop_start([7, *[1, 2, 3] * 3, 1, 2]) is None
