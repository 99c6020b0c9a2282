"""Pitch against Praat's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE
from services.voice import pitch
from services.voice.highpass import HighPass
from services.voice.loudness import FULL_SCALE
from training.results import Row, bootstrap, skipped
from training.voice.corpus import Recording

AREA = "voice"
GROSS = 0.2
"""A pitch more than 20% off is a gross error (Rabiner et al. 1976)."""

Pairs = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    metrics = (
        "pitch, mean absolute difference from Praat",
        "pitch, gross errors (over 20%) against Praat",
        "pitch range (SD), mean absolute difference from Praat",
    )
    try:
        pairs = [_pairs(recording) for recording in recordings]
    except ImportError:
        return [skipped(AREA, metric, "parselmouth is not installed") for metric in metrics]
    pairs = [found for found in pairs if len(found) >= pitch.MIN_VOICED_FRAMES]
    if not pairs:
        return [skipped(AREA, metric, "no voiced recording") for metric in metrics]
    spread = [np.array([abs(np.std(p[:, 0]) - np.std(p[:, 1]))]) for p in map(_fine_only, pairs)]
    measured: list[tuple[Callable[[Pairs], float], list[Pairs], str, float | None]] = [
        (_fine_cents, pairs, "cents", 20.0),
        (_gross, pairs, "", 0.05),
        (_semitones, spread, "semitones", None),
    ]
    found = []
    for metric, (statistic, items, unit, target) in zip(metrics, measured, strict=True):
        low, high = bootstrap(items, statistic)
        found.append(
            Row(
                area=AREA, metric=metric, value=statistic(np.concatenate(items)), low=low,
                high=high, unit=unit, n=len(items), better="lower", target=target,
                note="frames that both call voiced; means leave gross errors out",
            )
        )  # fmt: skip
    return found


def _pairs(recording: Recording) -> Pairs:
    """[frames that both call voiced, (ours, Praat's)] in cents above 100 Hz."""
    import parselmouth

    signal = np.asarray(HighPass().push(recording.samples) / FULL_SCALE, np.float32)
    ours = pitch.estimate(signal)
    praat = parselmouth.Sound(signal.astype(float), SAMPLE_RATE).to_pitch_ac(
        time_step=pitch.HOP / SAMPLE_RATE,
        pitch_floor=pitch.FLOOR_HZ,
        pitch_ceiling=pitch.CEILING_HZ,
    )
    times = np.arange(len(ours.hz)) * pitch.HOP / SAMPLE_RATE  # a frame is centred on its start
    theirs = np.array([praat.get_value_at_time(float(time)) for time in times])
    both = ours.voiced & np.isfinite(theirs)
    pair = np.stack([ours.hz[both], theirs[both]], axis=1)
    return np.asarray(100 * pitch.semitones(pair))


def _is_gross(pairs: Pairs) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(pairs[:, 0] - pairs[:, 1]) > 1200 * np.log2(1 + GROSS))


def _fine_only(pairs: Pairs) -> Pairs:
    return pairs[~_is_gross(pairs)]


def _fine_cents(pairs: Pairs) -> float:
    fine = _fine_only(pairs)
    return float(np.abs(fine[:, 0] - fine[:, 1]).mean())


def _semitones(cents: Pairs) -> float:
    return float(cents.mean() / 100)


def _gross(pairs: Pairs) -> float:
    return float(_is_gross(pairs).mean())
