"""What a second of sound costs the voice service, part by part.

Usage: python -m training.voice.cost [--data DIR] [FILE ...]

Without files it takes the folder's recordings of 15 s and more, in which people speak nearly
all the time. Times are CPU times: of the parts under a profiler, of the whole without.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from pathlib import Path

import numpy as np

from services.runtime.media import SAMPLE_RATE
from training.accuracy import DEFAULT_DATA
from training.results import Row, bootstrap, skipped
from training.voice.corpus import Recording, read
from training.voice.sound import Samples, load, observe
from training.voice.transcripts import ratio

AREA = "voice"
BUDGET = 0.10
"""Of a core, of the 0.35 that all services may take for a session."""

MIN_SECONDS = 15.0
MAX_RECORDINGS = 6

PARTS = {
    "high-pass filter": "highpass.py:push",
    "voice activity": "vad.py:push",
    "breaths": "breaths.py:push",
    "pitch": "pitch.py:window",
    "text, sound to states": "transcriber.py:encode",
    "text, states to tokens": "transcriber.py:step",
    "word places": "alignment.py:align",
    "filled pauses": "filled_pauses.py:probabilities",
    "all": "analyzer.py:analyze",
}


def core_share(samples: Samples) -> float:
    """CPU seconds for a second of sound, with live text, on a machine that is never behind."""
    began = time.process_time()
    observe(samples, live=True)
    return (time.process_time() - began) / (len(samples) / SAMPLE_RATE)


def by_part(sounds: list[Samples]) -> dict[str, float]:
    """Milliseconds of each part for a second of sound, under the profiler."""
    profile = cProfile.Profile(time.process_time)
    for samples in sounds:
        profile.runcall(observe, samples, live=True)
    seconds = sum(map(len, sounds)) / SAMPLE_RATE
    spent: dict[str, float] = {}
    for (file, _, name), (_, _, _, total, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        place = f"{Path(file).name}:{name}"
        spent[place] = spent.get(place, 0.0) + total
    return {part: spent.get(place, 0.0) / seconds * 1000 for part, place in PARTS.items()}


def rows(recordings: list[Recording]) -> list[Row]:
    metric = "core share of the analyzer, live, while somebody speaks"
    chosen = long_ones(recordings)
    if not chosen:
        return [skipped(AREA, metric, f"no recording of {MIN_SECONDS:.0f} s")]
    figures = [np.array([[core_share(r.samples) * r.seconds, r.seconds]]) for r in chosen]
    low, high = bootstrap(figures, ratio)
    return [
        Row(
            area=AREA, metric=metric, value=ratio(np.concatenate(figures)), low=low, high=high,
            n=len(chosen), better="lower", target=BUDGET,
            note="CPU time on this machine, whatever else runs on it",
        )
    ]  # fmt: skip


def long_ones(recordings: list[Recording]) -> list[Recording]:
    return [r for r in recordings if r.seconds >= MIN_SECONDS][:MAX_RECORDINGS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    named = {path.name: load(path) for path in options.files} or {
        r.entry.path.name: r.samples for r in long_ones(read(options.data))
    }
    observe(next(iter(named.values()))[:SAMPLE_RATE], live=True)  # loads the models
    shares = []
    for name, samples in named.items():
        shares.append(core_share(samples))
        print(f"{shares[-1]:.3f} of a core  {name}, {len(samples) / SAMPLE_RATE:.0f} s")
    print(f"{np.mean(shares):.3f} of a core  on average\n")
    for part, milliseconds in by_part(list(named.values())).items():
        print(f"{milliseconds:6.1f} ms a second  {part}")


if __name__ == "__main__":
    main()
