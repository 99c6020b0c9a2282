"""The head that tells the parts of a story, from sentences written for Greenroom."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
import yaml
from sklearn.linear_model import LogisticRegression
from torch import nn

from services.answers.embedder import SIZE, Embedder

PARTS = ("situation", "task", "action", "result", "none")
"""By the classes of parts.onnx."""

LETTERS = {"S": 0, "T": 1, "A": 2, "R": 3, "none": 4}
INVERSE_PENALTY = 1.0
"""Of the logistic regression: strong, for there are 384 inputs and some 180 sentences."""

Labels = npt.NDArray[np.int64]


@cache
def _read(name: str) -> Any:
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def typical() -> list[tuple[str, int]]:
    """(sentence, index into PARTS) out of star.yaml."""
    return [(text, PARTS.index(part)) for part in PARTS for text in _read("star.yaml")[part]]


def stories() -> list[list[tuple[str, int]]]:
    """The stories of written.yaml by their sentences."""
    return [
        [(text, LETTERS[part]) for line in entry["story"] for part, text in line.items()]
        for entry in _read("written.yaml")
        if "story" in entry
    ]


def fit(embed: Embedder, sentences: list[tuple[str, int]]) -> LogisticRegression:
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000, class_weight="balanced")
    labels = np.array([part for _, part in sentences])
    return model.fit(embed([text for text, _ in sentences]), labels)


def train(embed: Embedder, path: Path) -> None:
    """On all sentences; as ONNX: vectors [n, 384] -> log probabilities [n, 5]."""
    model = fit(embed, typical() + [line for story in stories() for line in story])
    layer = nn.Linear(SIZE, len(PARTS))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(model.coef_))
        layer.bias.copy_(torch.from_numpy(model.intercept_))
    torch.onnx.export(
        cast(nn.Module, nn.Sequential(layer, nn.LogSoftmax(1))).eval(),
        (torch.zeros(2, SIZE),),
        str(path),
        input_names=["vectors"],
        output_names=["log_probabilities"],
        dynamic_axes={"vectors": {0: "sentences"}, "log_probabilities": {0: "sentences"}},
        opset_version=17,
        dynamo=False,
    )
