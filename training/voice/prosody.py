"""Pitch and loudness against Praat's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE
from services.voice import pitch
from services.voice.clock import WINDOW
from services.voice.highpass import HighPass
from services.voice.loudness import FULL_SCALE
from training.results import Row, bootstrap, skipped
from training.voice.corpus import Recording, by_person
from training.voice.sound import load

AREA = "voice"
GROSS = 0.2
"""A pitch more than 20% off is a gross error (Rabiner et al. 1976)."""

MOSTLY = 0.5
"""Share of a window that must be speech."""
MIN_WINDOWS = 5
INTENSITY_FLOOR_HZ = 100.0
"""Praat's default: it smooths over 32 ms."""

Pairs = npt.NDArray[np.float64]


def rows(recordings: list[Recording]) -> list[Row]:
    try:
        import parselmouth  # noqa: F401
    except ImportError:
        return [skipped(AREA, "pitch and loudness", "parselmouth is not installed")]
    groups = {"all": recordings}
    for sex in ("woman", "man"):
        groups[f"speaker a {sex}"] = [r for r in recordings if r.sex == sex]
    found = [row for part, group in groups.items() if group for row in _pitch(part, group)]
    return [*found, _loudness(recordings)]


def _pitch(part: str, recordings: list[Recording]) -> list[Row]:
    metrics = (
        "pitch, mean absolute difference from Praat",
        "pitch, gross errors (over 20%) against Praat",
        "pitch variation (SD), mean absolute difference from Praat",
    )
    both = [(recording, _pairs(recording.entry.path)) for recording in recordings]
    both = [(recording, p) for recording, p in both if len(p) >= pitch.MIN_VOICED_FRAMES]
    chosen, pairs = [recording for recording, _ in both], [p for _, p in both]
    if not pairs:
        return [skipped(AREA, metric, "no voiced recording") for metric in metrics]
    spread = [np.array([abs(np.std(p[:, 0]) - np.std(p[:, 1]))]) for p in map(_fine_only, pairs)]
    measured: list[tuple[Callable[[Pairs], float], list[Pairs], str, float | None]] = [
        (_fine_cents, pairs, "cents", 20.0),
        (_gross, pairs, "", 0.05),
        (_semitones, spread, "semitones", None),
    ]
    rows = []
    for metric, (statistic, items, unit, target) in zip(metrics, measured, strict=True):
        low, high = bootstrap(by_person(chosen, items), statistic)
        rows.append(
            Row(
                area=AREA, metric=metric, slice=part, value=statistic(np.concatenate(items)),
                low=low, high=high, unit=unit, n=len(items), better="lower", target=target,
                note="frames that both call voiced; means leave gross errors out",
            )
        )  # fmt: skip
    return rows


def _loudness(recordings: list[Recording]) -> Row:
    """The spread of the level over windows of speech, ours and Praat's intensity."""
    metric = "loudness variation (SD), mean absolute difference from Praat"
    chosen, errors = [], []
    for recording in recordings:
        windows = [state for state in recording.states if state.samples == WINDOW]
        spoken = np.array([state.speech > MOSTLY for state in windows], bool)
        if spoken.sum() < MIN_WINDOWS:
            continue
        ours = np.array([state.loudness_dbfs for state in windows])[spoken]
        theirs = _intensity(recording, len(windows))[spoken]
        chosen.append(recording)
        errors.append(np.array([[abs(np.std(ours) - np.std(theirs))]]))
    if not errors:
        return skipped(AREA, metric, "no recording with a second of speech")
    low, high = bootstrap(by_person(chosen, errors), lambda rows: float(rows.mean()))
    return Row(
        area=AREA, metric=metric, value=float(np.concatenate(errors).mean()), low=low, high=high,
        unit="dB", n=len(errors), better="lower", note="over windows of 200 ms that are speech",
    )  # fmt: skip


def _intensity(recording: Recording, windows: int) -> Pairs:
    """[windows] Praat's mean intensity of each, in dB."""
    import parselmouth

    signal = HighPass().push(recording.samples) / FULL_SCALE
    praat = parselmouth.Sound(signal, SAMPLE_RATE).to_intensity(
        minimum_pitch=INTENSITY_FLOOR_HZ, subtract_mean=False
    )
    seconds = WINDOW / SAMPLE_RATE
    return np.array(
        [praat.get_average(i * seconds, (i + 1) * seconds, "ENERGY") for i in range(windows)]
    )


@cache
def _pairs(path: Path) -> Pairs:
    """[frames that both call voiced, (ours, Praat's)] in cents above 100 Hz."""
    import parselmouth

    signal = np.asarray(HighPass().push(load(path)) / FULL_SCALE, np.float32)
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
