"""Train the answers service's own networks: the pair head and the head for parts of a story.

Usage: python -m training.answers.train [--data DIR] [--out DIR]

The pair head learns from SciEntsBank and Beetle (tier A), the parts from sentences written for
Greenroom. Nothing of tier C is trained on here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from services.answers.embedder import SIZE, Embedder, Encoded
from services.runtime import models
from training.accuracy import DEFAULT_DATA
from training.answers import dataset, held_out, parts
from training.answers.dataset import FOLDS, LABELS, Scored
from training.answers.encoding import encode, nearest, texts
from training.answers.head import COSINE, VOCABULARY, Branch, PairHead

SEED = 7
BATCH = 64
LOOK_BATCH = 128
RATE = 1e-3
WEIGHT_DECAY = 0.05
WIDE_EPOCHS = 25
NARROW_EPOCHS = 40

NEGATIONS = ("not", "no", "t", "never", "none", "without", "cannot", "neither", "nor", "nothing")
"""As word pieces: "don't" is don, ', t."""

Looks = tuple[torch.Tensor, torch.Tensor]
Probabilities = npt.NDArray[np.float32]


def pad(rows: Sequence[npt.NDArray[np.generic]]) -> torch.Tensor:
    longest = max(len(row) for row in rows)
    width = [(0, 0)] * (rows[0].ndim - 1)
    return torch.from_numpy(np.stack([np.pad(r, [(0, longest - len(r)), *width]) for r in rows]))


def look(model: PairHead, items: Sequence[Scored], known: dict[str, Encoded]) -> Looks:
    """PairHead.look of all answers."""
    vectors, features = [], []
    for start in range(0, len(items), LOOK_BATCH):
        batch = items[start : start + LOOK_BATCH]
        answers = [known[item.answer] for item in batch]
        points = [known[nearest(item, known)] for item in batch]
        questions = [known[item.question] for item in batch]
        with torch.no_grad():
            one, two = model.look(
                pad([each.states for each in answers]),
                pad([each.ids for each in answers]),
                pad([each.states for each in points]),
                pad([each.ids for each in points]),
                torch.from_numpy(np.stack([each.vector for each in questions])),
                pad([each.ids for each in questions]),
            )
        vectors.append(one)
        features.append(two)
    return torch.cat(vectors), torch.cat(features)


def untrained(known: dict[str, Encoded], piece: dict[str, int]) -> PairHead:
    """With the rarity of word pieces counted over the texts."""
    counts = np.zeros(VOCABULARY)
    for encoded in known.values():
        counts[np.unique(encoded.ids)] += 1
    rarity = np.log(len(known) / (1 + counts)).astype(np.float32)
    negation = np.zeros(VOCABULARY, np.float32)
    negation[[piece[word] for word in NEGATIONS]] = 1
    torch.manual_seed(SEED)
    return PairHead(torch.from_numpy(rarity), torch.from_numpy(negation))


def fit_branch(branch: Branch, inputs: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    random = np.random.default_rng(SEED)
    branch.standardise(inputs)
    optimizer = torch.optim.AdamW(branch.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    branch.train()
    for _ in range(epochs):
        order = torch.from_numpy(random.permutation(len(inputs)))
        for chosen in order.split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(branch(inputs[chosen]), labels[chosen]).backward()
            optimizer.step()
    branch.eval()


def fit(model: PairHead, looks: Looks, labels: torch.Tensor) -> PairHead:
    vectors, features = looks
    fit_branch(model.wide, torch.cat([vectors, features], 1), labels, WIDE_EPOCHS)
    fit_branch(model.narrow, features, labels, NARROW_EPOCHS)
    return model.eval()


def labels_of(items: Sequence[Scored]) -> torch.Tensor:
    return torch.tensor([item.label for item in items])


def cross_validated(
    items: Sequence[Scored], known: dict[str, Encoded], piece: dict[str, int]
) -> Probabilities:
    """[n, 4]: probabilities by heads that saw no answer to the same question, and cosines."""
    fold = dataset.folds(items)
    looks = look(untrained(known, piece), items, known)
    labels = labels_of(items)
    result = np.zeros((len(items), len(LABELS) + 1), np.float32)
    result[:, -1] = looks[1][:, COSINE].numpy()
    for number in range(FOLDS):
        rest, held = torch.from_numpy(fold != number), torch.from_numpy(fold == number)
        model = fit(untrained(known, piece), (looks[0][rest], looks[1][rest]), labels[rest])
        with torch.no_grad():
            result[fold == number, : len(LABELS)] = model.judge(
                looks[0][held], looks[1][held]
            ).numpy()
    return result


def export(model: PairHead, path: Path) -> None:
    """As ONNX, opset 17; every size but the vectors' is free."""
    given = (
        torch.zeros(2, 9, SIZE),
        torch.full((2, 9), 2000),
        torch.zeros(2, 7, SIZE),
        torch.full((2, 7), 2000),
        torch.zeros(2, SIZE),
        torch.full((2, 5), 2000),
    )
    names = ["answer", "answer_ids", "point", "point_ids", "question", "question_ids"]
    sizes: dict[str, dict[int, str]] = {
        name: {0: "pairs"} | ({} if name == "question" else {1: name.removesuffix("_ids")})
        for name in names
    }
    torch.onnx.export(
        model,
        given,
        str(path),
        input_names=names,
        output_names=["probabilities"],
        dynamic_axes=sizes | {"probabilities": {0: "pairs"}},
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.answers.train", description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--out", type=Path, default=models.folder("answers"))
    options = parser.parse_args()
    torch.set_num_threads(2)
    embed = Embedder()
    piece = embed.vocabulary()
    items = dataset.labelled(options.data)
    known = encode(embed, texts(items))
    held_out.write(items, cross_validated(items, known, piece))
    model = untrained(known, piece)
    export(fit(model, look(model, items, known), labels_of(items)), options.out / "pairs.onnx")
    parts.train(embed, options.out / "parts.onnx")


if __name__ == "__main__":
    main()
