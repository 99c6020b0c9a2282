"""Train the expression head: ``python -m training.face.train [--data DIR]``.

A small network from our 146 normalised points to the teacher's 52 coefficients. The
held-out figure (training/face/evaluate.py) comes from folds by person; the shipped weights
see all clips.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from services.face.expression import BLENDSHAPES, INPUT_POINTS, normalize
from services.runtime import models
from services.runtime.media import Floats
from training.accuracy import DEFAULT_DATA
from training.face.dataset import Clip, clips, mixtures, person
from training.face.teacher import Teacher

SEED = 7
FOLDS = 5
MIXTURES = 8_000
EPOCHS = 60
BATCH = 256
JITTER = 0.004
"""Of the eye distance: as far as our landmarks tremble on a resting face."""


class Head(nn.Module):
    """292 -> 192 -> 96 -> 52, with the input standardised inside."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Floats, deviation: Floats) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32))
        self.layers = nn.Sequential(
            nn.Linear(2 * len(INPUT_POINTS), 192),
            nn.GELU(),
            nn.Linear(192, 96),
            nn.GELU(),
            nn.Linear(96, len(BLENDSHAPES)),
            nn.Sigmoid(),
        )

    def forward(self, points: Tensor) -> Tensor:
        flat = points.flatten(1)
        result: Tensor = self.layers((flat - self.mean) / self.deviation)
        return result


def fit(points: Floats, labels: Floats, seed: int = SEED) -> Head:
    """points: [n, 146, 2] normalised; labels: [n, 52]."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    flat = points.reshape(len(points), -1)
    head = Head(flat.mean(0), flat.std(0) + 1e-3)
    inputs, targets = torch.tensor(points), torch.tensor(labels, dtype=torch.float32)
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=1e-3)
    steps = EPOCHS * (len(inputs) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(inputs)), BATCH):
            noisy = inputs[batch] + JITTER * torch.randn_like(inputs[batch])
            loss = nn.functional.smooth_l1_loss(head(noisy), targets[batch], beta=0.05)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return head.eval()


def normalized(points: Floats) -> Floats:
    return np.array([normalize(face) for face in points], np.float32)


def predict(head: Head, points: Floats) -> Floats:
    with torch.no_grad():
        result: Floats = head(torch.tensor(points)).numpy()
    return result


def held_out(all_clips: list[Clip], teacher: Teacher) -> Iterator[tuple[Clip, Floats]]:
    """(clip, [n, 52] coefficients by a network that has not seen its people) of every clip."""
    people = sorted({person(clip.name) for clip in all_clips})
    np.random.default_rng(SEED).shuffle(people)
    for fold in range(min(FOLDS, len(people))):
        tested = people[fold::FOLDS]
        train = [clip for clip in all_clips if person(clip.name) not in tested]
        if not train:
            return
        head = learn(train, teacher)
        for clip in all_clips:
            if person(clip.name) in tested:
                yield clip, predict(head, normalized(clip.ours))


def learn(seen: list[Clip], teacher: Teacher) -> Head:
    """A head from clips and mixtures of their faces."""
    points, labels = mixtures(seen, teacher, MIXTURES, np.random.default_rng(SEED))
    return fit(
        np.concatenate([normalized(clip.ours) for clip in seen] + [normalized(points)]),
        np.concatenate([clip.labels for clip in seen] + [labels]),
    )


def export(head: Head, path: Path) -> None:
    torch.onnx.export(
        head,
        (torch.zeros(1, len(INPUT_POINTS), 2),),
        str(path),
        input_names=["points"],
        output_names=["coefficients"],
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    options = parser.parse_args()
    teacher = Teacher()
    # Tier C stays out: weights that ship rest on clearly licensed or project-made labels.
    usable = [clip for clip in clips(options.data, teacher) if clip.tier in ("A", "B")]
    print(f"{len(usable)} clips, {sum(len(clip.ours) for clip in usable)} frames")
    export(learn(usable, teacher), models.folder("face") / "expression.onnx")


if __name__ == "__main__":
    main()
