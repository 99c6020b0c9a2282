"""What must not be told: words without speech, gain that is not automatic, breaths that are
none. And what must: gain that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import TranscriptSegment, VoiceEvent

from services.runtime.analyzer import Observation
from services.runtime.media import SAMPLE_RATE
from training.results import Comparison, Row, bootstrap, skipped
from training.voice.corpus import Recording
from training.voice.sound import Samples, observe
from training.voice.transcripts import ratio, whisper

AREA = "voice"
SEED = 4

SOUND_SECONDS = 20

GAIN_SENTENCES = 8
"""Of each person, with pauses between: the rule wants five."""
SENTENCE_SECONDS = 6.0
GAIN_PAUSE_SECONDS = 1.6
GAIN_DB_PER_SECOND = 12.0
"""What an automatic gain rises while nobody speaks (WebRTC's: some 6 to 30)."""
GAIN_MAX_DB = 18.0
ROOM_NOISE = 20.0
"""RMS of the noise in the pauses, of 32,768."""

Figures = npt.NDArray[np.float64]
Wave = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    return [*_no_speech(), *_beyond_the_text(recordings), *_gain(recordings), _breaths(recordings)]


def sounds() -> dict[str, Samples]:
    """Sound without speech, SOUND_SECONDS of each kind."""
    random = np.random.default_rng(SEED)
    count = SOUND_SECONDS * SAMPLE_RATE
    time = np.arange(count) / SAMPLE_RATE
    swell = np.maximum(np.sin(2 * np.pi * 0.3 * time), 0) ** 2
    kinds: dict[str, Wave] = {
        "digital silence": np.zeros(count),
        "quiet noise": random.normal(0, 20, count),
        "loud noise": random.normal(0, 3000, count),
        "swelling noise": random.normal(0, 1500, count) * swell,
        "hum": 6000 * np.sin(2 * np.pi * 50 * time),
        "typing": np.where(random.random(count) < 3 / SAMPLE_RATE, 1.0, 0.0),
    }
    click = random.normal(0, 9000, 200) * np.exp(-np.arange(200) / 40)
    kinds["typing"] = np.convolve(kinds["typing"], click)[:count]
    return {name: np.clip(wave, -32768, 32767).astype(np.int16) for name, wave in kinds.items()}


def words(seen: list[Observation]) -> int:
    bodies = [item.body for item in seen]
    return sum(len(b.words) for b in bodies if isinstance(b, TranscriptSegment) and b.final)


def _no_speech() -> list[Row]:
    found = sounds()
    peer = whisper(vad=False)
    theirs = sum(len(peer(sound).split()) for sound in found.values()) if peer else None
    told = [np.array([[words(observe(sound)), SOUND_SECONDS / 60]]) for sound in found.values()]
    low, high = bootstrap(told, ratio)
    minutes = len(found) * SOUND_SECONDS / 60
    return [
        Row(
            area=AREA, metric="words told without speech, per minute", slice="made sounds",
            value=ratio(np.concatenate(told)), low=low, high=high, n=len(found),
            better="lower", target=0.0, note=", ".join(found),
            peer=None if theirs is None
            else Comparison(name="whisper tiny without a VAD", value=theirs / minutes),
        )
    ]  # fmt: skip


def _beyond_the_text(recordings: list[Recording]) -> list[Row]:
    """Recordings that hold audible breath, cough or laughter between the words of their text."""
    metric = "words told beyond those said, with breath or cough"
    chosen = [
        r
        for r in recordings
        if r.text and not r.text.weak and any(s in r.entry.shows for s in ("breath", "cough"))
    ]
    if not chosen:
        return [skipped(AREA, metric, "no such recording")]
    extra = sum(max(len(r.heard) - len(r.text.words), 0) for r in chosen if r.text)
    return [
        Row(
            area=AREA, metric=metric, value=float(extra), n=len(chosen),
            better="lower", target=0.0, note="in all of them; no recording has laughter alone",
        )
    ]  # fmt: skip


def _gain(recordings: list[Recording]) -> list[Row]:
    metrics = ("automatic gain, simulated, told", "automatic gain told where there is none")
    speech = list(_dialogues(recordings))
    if not speech:
        return [skipped(AREA, metric, "nobody says two sentences") for metric in metrics]
    rows = []
    for metric, automatic, better in zip(metrics, (True, False), ("higher", "lower"), strict=True):
        told = [float(_tells_gain(_spaced(sentences, automatic))) for sentences in speech]
        low, high = bootstrap([np.array([value]) for value in told], lambda v: float(v.mean()))
        rows.append(
            Row(
                area=AREA, metric=metric, value=float(np.mean(told)), low=low, high=high,
                n=len(told), better=better,
                note=f"sentences of one person, {GAIN_PAUSE_SECONDS} s apart; gain rises by "
                f"{GAIN_DB_PER_SECOND:.0f} dB a second of pause",
            )
        )  # fmt: skip
    return rows


def _dialogues(recordings: list[Recording]) -> Iterator[list[Samples]]:
    """The sentences of each person who says GAIN_SENTENCES, or the same ones again."""
    persons: dict[str, list[Samples]] = {}
    for recording in recordings:
        runs = recording.events(VoiceEvent.SPEECH)
        if runs and recording.text and recording.seconds < SENTENCE_SECONDS:
            start, end = round(runs[0][0] * SAMPLE_RATE), round(runs[-1][1] * SAMPLE_RATE)
            persons.setdefault(recording.person, []).append(recording.samples[start:end])
    for sentences in persons.values():
        if len(sentences) > 1:
            yield (sentences * GAIN_SENTENCES)[:GAIN_SENTENCES]


def _spaced(sentences: list[Samples], automatic: bool) -> Samples:
    random = np.random.default_rng(SEED)
    pause = int(GAIN_PAUSE_SECONDS * SAMPLE_RATE)
    rise = np.minimum(GAIN_DB_PER_SECOND * np.arange(pause) / SAMPLE_RATE, GAIN_MAX_DB)
    gain = 10 ** (rise / 20) if automatic else np.ones(pause)
    parts = [part for s in sentences for part in (s.astype(float), np.zeros(pause))]
    wave = np.concatenate(parts) + random.normal(0, ROOM_NOISE, sum(map(len, parts)))
    at = 0
    for sentence in sentences:
        at += len(sentence)
        wave[at : at + pause] *= gain
        at += pause
    return np.clip(wave, -32768, 32767).astype(np.int16)


def _tells_gain(samples: Samples) -> bool:
    bodies = [seen.body for seen in observe(samples)]
    return any(isinstance(b, VoiceEvent) and b.detail == "automatic_gain" for b in bodies)


def _breaths(recordings: list[Recording]) -> Row:
    """There are no labels of breaths: only how often they're told where they are loud, and where
    nobody speaks of any."""
    metric = "breaths told, per minute, where they are loud"
    rates: dict[bool, list[Figures]] = {True: [], False: []}
    for recording in recordings:
        rates["loud breaths" in recording.entry.shows].append(
            np.array([[len(recording.events(VoiceEvent.BREATH)), recording.seconds / 60]])
        )
    if not rates[True]:
        return skipped(AREA, metric, "no recording with loud breaths")
    return Row(
        area=AREA, metric=metric, value=ratio(np.concatenate(rates[True])), n=len(rates[True]),
        baseline=Comparison(name="other recordings", value=ratio(np.concatenate(rates[False]))),
        note="no recording has labelled breaths",
    )  # fmt: skip
