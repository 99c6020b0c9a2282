"""Speech activity and pauses against annotations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import webrtcvad
from greenroom.v1.signals_pb2 import VoiceEvent

from services.runtime.media import SAMPLE_RATE
from services.voice import loudness
from services.voice.highpass import HighPass
from services.voice.vad import FRAME, GATE_FRAME, VoiceActivity
from training.results import Comparison, Row, bootstrap, skipped
from training.voice.corpus import Recording, Span, gaps

AREA = "voice"
MIN_OVERLAP = 0.5
"""A pause is found when it and the annotated one share half of the longer."""

WEBRTC_MODES = (0, 1, 2, 3)

Frames = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    found = []
    for folder in ("speech_meeting", "speech_disfluent"):
        annotated = [r for r in recordings if r.folder == folder and r.speech]
        found.append(_activity(folder, annotated))
    return [*found, *_pauses([r for r in recordings if r.spoken])]


def area_under_curve(scored: Frames) -> float:
    """ROC-AUC of [n, (label, score)] as the Mann-Whitney statistic, ties counted half."""
    labels, values = scored[:, 0] > 0.5, scored[:, 1]
    if labels.all() or not labels.any():
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(labels.sum())
    rank_sum = float(ranks[labels].sum()) - positive * (positive + 1) / 2
    return rank_sum / (positive * (len(labels) - positive))


def _activity(folder: str, recordings: list[Recording]) -> Row:
    metric = "speech activity, ROC-AUC by 32 ms frame"
    if not recordings:
        return skipped(AREA, metric, f"{folder} has no annotated recording")
    ours, webrtc, energy = [], [], []
    for recording in recordings:
        frames = VoiceActivity().push(HighPass().push(recording.samples))
        labels = _labels(recording.speech, len(frames))
        ours.append(np.stack([labels, [frame.probability for frame in frames]], axis=1))
        webrtc.append(np.stack([labels, _webrtc(recording, len(frames))], axis=1))
        energy.append(np.stack([labels, _energy(recording, len(frames))], axis=1))
    low, high = bootstrap(ours, area_under_curve)
    return Row(
        area=AREA,
        metric=metric,
        slice=folder,
        value=area_under_curve(np.concatenate(ours)),
        low=low,
        high=high,
        n=len(recordings),
        baseline=Comparison(name="energy", value=area_under_curve(np.concatenate(energy))),
        peer=Comparison(name="webrtcvad alone", value=area_under_curve(np.concatenate(webrtc))),
        note="webrtcvad scored by how many of its 4 modes say speech",
    )


def _labels(spans: list[Span], count: int) -> Frames:
    middle = (np.arange(count) + 0.5) * FRAME / SAMPLE_RATE
    return np.array([any(start <= t < end for start, end in spans) for t in middle], float)


def _webrtc(recording: Recording, count: int) -> Frames:
    samples = recording.samples
    whole = samples[: len(samples) // GATE_FRAME * GATE_FRAME].reshape(-1, GATE_FRAME)
    votes = np.zeros(len(whole))
    for mode in WEBRTC_MODES:
        detector = webrtcvad.Vad(mode)
        votes += [detector.is_speech(frame.tobytes(), SAMPLE_RATE) for frame in whole]
    middle = ((np.arange(count) + 0.5) * FRAME / GATE_FRAME).astype(int)
    return np.asarray(votes[np.minimum(middle, len(votes) - 1)])


def _energy(recording: Recording, count: int) -> Frames:
    frames = recording.samples[: count * FRAME].reshape(count, FRAME)
    return np.array([loudness.dbfs(loudness.rms(frame)) for frame in frames])


def matched(wanted: list[Span], got: list[Span]) -> list[tuple[Span, Span]]:
    """Pairs that overlap by MIN_OVERLAP of the longer, each used once."""
    left = list(got)
    pairs = []
    for span in wanted:
        for other in left:
            overlap = min(span[1], other[1]) - max(span[0], other[0])
            longer = max(span[1] - span[0], other[1] - other[0])
            if overlap >= MIN_OVERLAP * longer:
                pairs.append((span, other))
                left.remove(other)
                break
    return pairs


def f1(counts: Frames) -> float:
    """Of [n, (hits, wanted, got)]."""
    hits, wanted, got = counts.sum(axis=0)
    return float(2 * hits / (wanted + got)) if wanted + got else float("nan")


def _pauses(recordings: list[Recording]) -> list[Row]:
    metrics = ("pauses over 250 ms, F1", "pause boundaries, mean absolute error")
    if not recordings:
        return [skipped(AREA, metric, "no recording has word times") for metric in metrics]
    counts, errors = [], []
    for recording in recordings:
        wanted = gaps(recording.speech)
        got = recording.events(VoiceEvent.PAUSE)
        pairs = matched(wanted, got)
        counts.append(np.array([[len(pairs), len(wanted), len(got)]], float))
        errors.append(
            np.array([[abs(a[0] - b[0]), abs(a[1] - b[1])] for a, b in pairs]).reshape(-1, 2)
        )
    low, high = bootstrap(counts, f1)
    edge_low, edge_high = bootstrap(errors, lambda rows: float(rows.mean() * 1000))
    total = np.concatenate(counts)
    return [
        Row(
            area=AREA, metric=metrics[0], value=f1(total), low=low, high=high,
            n=int(total[:, 1].sum()), note="found when half of the longer is shared",
        ),
        Row(
            area=AREA, metric=metrics[1], value=float(np.concatenate(errors).mean() * 1000),
            low=edge_low, high=edge_high, unit="ms", better="lower",
            n=2 * int(total[:, 0].sum()),
        ),
    ]  # fmt: skip
