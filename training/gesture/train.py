"""Train the gesture head: ``python -m training.gesture.train [--data DIR]``.

A small network from 21 points in the picture to seven shapes. It learns from the landmark
table (without its held-out rows), from the videos' hands as the teacher names them, turned in
the picture, and from drawn hands (training/gesture/synthesis.py). Photos are never trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from services.gesture.hands import Hand
from services.gesture.shapes import SHAPES, normalize, openness
from services.runtime import models
from services.runtime.media import Floats
from training.accuracy import DEFAULT_DATA
from training.gesture import synthesis
from training.gesture.dataset import TRAINED_CLIPS, Labelled, clip_hands, table
from training.gesture.teacher import Teacher

SEED = 7
DRAWN = 48_000
TURNS = 6
"""Of each hand of a video and each row of the table."""

OPEN_ENOUGH = 0.85
"""Hands of videos on which others are drawn."""

EPOCHS = 40
BATCH = 512


class Head(nn.Module):
    """42 -> 128 -> 64 -> 7."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(42, 128), nn.GELU(), nn.Linear(128, 64), nn.GELU(), nn.Linear(64, len(SHAPES))
        )

    def forward(self, points: Tensor) -> Tensor:
        result: Tensor = self.layers(points.flatten(1))
        return result


def named(hands: list[Hand], teacher: Teacher) -> Labelled:
    """The hands that the teacher is sure of, by its names."""
    points, labels = [], []
    for hand in hands:
        name = teacher.turned_name(hand)
        if name is not None:
            points.append(hand.points[:, :2])
            labels.append(SHAPES.index(name))
    return Labelled(np.array(points, np.float32).reshape(-1, 21, 2), np.array(labels, np.int64))


def turned(labelled: Labelled, random: np.random.Generator) -> Labelled:
    """Each hand TURNS times: turned in the picture, mirrored half of the time. A thumb keeps
    its name only while it points up or down, so thumbs are turned a little, others freely."""
    points, labels = [], []
    for hand, label in zip(labelled.points, labelled.labels, strict=True):
        thumb = SHAPES[label].startswith("thumb")
        reach = np.radians(15.0) if thumb else np.pi
        for angle in random.uniform(-reach, reach, TURNS):
            cos, sin = np.cos(angle), np.sin(angle)
            moved = (hand - hand[0]) @ np.array([[cos, sin], [-sin, cos]])
            points.append(moved * [random.choice([-1, 1]), 1])
            labels.append(label)
    return Labelled(np.array(points, np.float32), np.array(labels, np.int64))


def drawn(palms: Floats, count: int, random: np.random.Generator) -> Labelled:
    made = [hand for _ in range(count) if (hand := synthesis.draw(palms, random))]
    labels = [SHAPES.index(label) for _, label in made]
    return Labelled(np.array([points for points, _ in made], np.float32), np.array(labels))


def fit(points: Floats, labels: npt.NDArray[np.int64], weights: Floats) -> Head:
    """points: [n, 21, 2] normalised; weights: [n]."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    head = Head()
    inputs, targets = torch.tensor(points), torch.tensor(labels)
    importance = torch.tensor(weights, dtype=torch.float32)
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=1e-2)
    steps = EPOCHS * (len(inputs) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(inputs)), BATCH):
            losses = nn.functional.cross_entropy(
                head(inputs[batch]), targets[batch], reduction="none"
            )
            optimizer.zero_grad()
            torch.autograd.backward((losses * importance[batch]).mean())
            optimizer.step()
            schedule.step()
    return head.eval()


def export(head: Head, path: Path) -> None:
    torch.onnx.export(
        nn.Sequential(head, nn.Softmax(1)),
        (torch.zeros(1, 21, 2),),
        str(path),
        input_names=["points"],
        output_names=["probabilities"],
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    options = parser.parse_args()
    random = np.random.default_rng(SEED)
    teacher = Teacher()
    hands = [
        hand for name, found in clip_hands(options.data) if name in TRAINED_CLIPS for hand in found
    ]
    palms = np.array([hand.world for hand in hands if openness(hand.world) > OPEN_ENOUGH])
    seen = named(hands, teacher)
    parts = [turned(seen, random), drawn(palms, DRAWN, random)]
    rows = table(options.data)
    if rows is not None:
        parts.append(turned(rows[0], random))
    # Each source counts the same, however many hands it has.
    weights = np.concatenate([np.full(len(p.labels), 1 / len(p.labels)) for p in parts])
    points = np.array([normalize(hand) for part in parts for hand in part.points], np.float32)
    labels = np.concatenate([part.labels for part in parts])
    print(f"{len(palms)} palms; hands by source: {[len(part.labels) for part in parts]}")
    head = fit(points, labels, weights / weights.mean())
    export(head, models.folder("gesture") / "gesture.onnx")


if __name__ == "__main__":
    main()
