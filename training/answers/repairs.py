"""Repairs in text: Disfl-QA's questions, each fluent and with a correction or restart."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import DisfluencySpan

from services.answers.disfluency import disfluencies
from training.answers.scoring import AREA
from training.answers.spoken import spoken
from training.results import Comparison, Row, bootstrap, skipped

FOLDER = "text_disfluent"
TUNED_ON = ("train", "dev")
"""Splits whose misses were read when the rules were written."""

METRIC = "questions with a repair, F1"
BROKEN = "#"
"""A spreadsheet's error in place of a text."""

Counts = npt.NDArray[np.float64]


def rows(data: Path) -> list[Row]:
    paths = sorted((data / FOLDER).glob("*.json.gz"))
    paths = [path for path in paths if not any(split in path.name for split in TUNED_ON)]
    texts = [pair for path in paths for pair in _pairs(path)]
    if not texts:
        return [skipped(AREA, METRIC, f"no {FOLDER}/*test.json.gz")]
    result = []
    for name, plain in (("all", False), ("no punctuation or capitals", True)):
        ours = [np.array([_count(pair, plain=plain)], float) for pair in texts]
        simple = np.array([_count(pair, plain=plain, simple=True) for pair in texts], float)
        low, high = bootstrap(ours, _f1)
        result.append(
            Row(
                area=AREA, metric=METRIC, slice=name, value=_f1(np.concatenate(ours)), low=low,
                high=high, n=len(texts),
                baseline=Comparison(name="a repeated word or um, uh, er", value=_f1(simple)),
                note=f"precision {_precision(np.concatenate(ours)):.3f}; Disfl-QA's test split",
            )
        )  # fmt: skip
    return result


def _pairs(path: Path) -> list[tuple[str, str]]:
    """(fluent, with a repair)"""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        entries = json.load(file).values()
    pairs = [(entry["original"], entry["disfluent"]) for entry in entries]
    return [pair for pair in pairs if not any(text.startswith(BROKEN) for text in pair)]


def _count(pair: tuple[str, str], *, plain: bool, simple: bool = False) -> list[int]:
    """[found in the disfluent one, found in the fluent one]"""
    told = _stumbles if simple else _repaired
    fluent, disfluent = pair
    return [told(disfluent, plain=plain), told(fluent, plain=plain)]


def _repaired(text: str, *, plain: bool) -> bool:
    found = disfluencies(spoken(text, plain=plain))
    return any(each.type == DisfluencySpan.REPAIR for each in found)


def _stumbles(text: str, *, plain: bool) -> bool:
    found = disfluencies(spoken(text, plain=plain))
    kinds = (DisfluencySpan.REPETITION, DisfluencySpan.FILLER)
    return any(each.type in kinds for each in found)


def _f1(counts: Counts) -> float:
    hits, false = counts.sum(0)
    return float(2 * hits / (len(counts) + hits + false))


def _precision(counts: Counts) -> float:
    hits, false = counts.sum(0)
    return float(hits / max(hits + false, 1))
