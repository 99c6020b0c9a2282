"""Interview scores from what was said, on ChaLearn First Impressions (tier C, research only)."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.answers.disfluency import disfluencies
from services.answers.embedder import Embedder
from services.answers.specificity import ownership, specificity, vagueness
from training.accuracy import DEFAULT_DATA
from training.answers.encoding import encode
from training.answers.scoring import AREA, RESEARCH
from training.answers.spoken import spoken
from training.results import Comparison, Row, bootstrap, skipped

FOLDER = "interview_labels"
TRAINING = "training"
PENALTIES = np.logspace(1, 5, 9)
METRIC = "interview score from the transcript"

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    split: str
    video: str
    """Of which the clip is 15 s: the same person."""
    text: str
    score: float


def read(data: Path) -> list[Clip]:
    clips = []
    for path in sorted((data / FOLDER).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                video = entry["video"].rsplit(".", 2)[0]
                clips.append(Clip(entry["split"], video, entry["transcript"], entry["interview"]))
    return clips


def rows(data: Path, embed: Embedder) -> list[Row]:
    clips = read(data)
    tested = [clip for clip in clips if clip.split != TRAINING]
    if not tested:
        return [skipped(AREA, METRIC, f"no {FOLDER} but for training")]
    people = {clip.video for clip in tested}
    source = clips if len(tested) < len(clips) else read(DEFAULT_DATA)
    known = [c for c in source if c.split == TRAINING and c.video not in people]
    if not known:
        return [skipped(AREA, METRIC, f"no {FOLDER} to train on")]
    vectors = encode(embed, [clip.text for clip in known + tested])

    def inputs(chosen: list[Clip]) -> Values:
        return np.array([[*vectors[c.text].vector, *_style(c.text)] for c in chosen], float)

    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
    model.fit(inputs(known), [clip.score for clip in known])
    truth = np.array([clip.score for clip in tested])
    guess = np.asarray(model.predict(inputs(tested)))
    mean = float(np.mean([clip.score for clip in known]))
    columns = np.stack([truth, guess], 1)
    videos = np.array([clip.video for clip in tested])
    groups = [columns[videos == video] for video in dict.fromkeys(videos)]
    note = f"{RESEARCH}; {len(known)} clips of people not in the test"
    found = []
    for name, statistic in (("R2", _r2), ("1-MAE", _one_minus_mae)):
        low, high = bootstrap(groups, statistic)
        baseline = statistic(np.stack([truth, np.full(len(truth), mean)], 1))
        found.append(
            Row(
                area=AREA, metric=f"{METRIC}, {name}", value=statistic(columns), low=low,
                high=high, n=len(groups), slice="people not trained on",
                baseline=Comparison(name="mean", value=baseline), note=note,
            )
        )  # fmt: skip
    return found


def _style(text: str) -> list[float]:
    """What the service measures of an answer; 0 where it says nothing."""
    words = spoken(text)
    measures = (specificity(words), ownership(words), vagueness(words))
    return [
        float(np.log1p(len(words))),
        len(disfluencies(words)) / max(len(words), 1),
        *(0.0 if measure is None else measure for measure in measures),
    ]


def _r2(columns: Values) -> float:
    return float(r2_score(columns[:, 0], columns[:, 1]))


def _one_minus_mae(columns: Values) -> float:
    return float(1 - np.abs(columns[:, 0] - columns[:, 1]).mean())
