"""Train the voice service's own networks: letters (word times) and filled pauses.

Usage: python -m training.voice.train [--data DIR] [--out DIR] [letters] [fillers]

Both read the transcriber's encoder states, so that they cost next to nothing beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from services.runtime import models
from services.runtime.media import SAMPLE_RATE
from services.voice import words
from services.voice.alignment import LETTERS, Scores, align, spell
from services.voice.hearing import SHIPPED, Networks, hear
from services.voice.highpass import HighPass
from services.voice.transcriber import ENCODER_STEP, States
from training.accuracy import DEFAULT_DATA
from training.data import manifest
from training.voice import held_out, speakers, synthesis
from training.voice.augment import vary
from training.voice.dataset import (
    CLASSES,
    IGNORED,
    Example,
    examples,
    recorded,
    spread,
    utterances,
)
from training.voice.sound import load
from training.voice.synthesis import Clip

SEED = 11
STATE_SIZE = 288
LETTER_CLASSES = 1 + len(LETTERS)

LETTERS_SENTENCES = 1000
FILLERS_SENTENCES = 104
"""By the voice with phoneme times; some half of them can be told apart by word."""
SPEAKERS = 220
"""Invented ones, each with a sentence."""
RECORDED_VARIATIONS = 4
"""Of each recording: there are few."""

LETTERS_WIDTH = 96
LETTERS_STEPS = 1000
FILLERS_WIDTH = 48
FILLERS_STEPS = 250

BATCH = 32
CROP = 208
"""Frames of a training crop: 5 s."""
RATE = 2e-3
WEIGHT_DECAY = 0.01
DROPOUT = 0.2
RECORDED_SHARE = 0.4
"""Of each batch: real speech is rare but what counts."""
ALIGNMENT_ROUNDS = 2

GROUPS = (("speech_disfluent",), ("speech_clean", "video_grid"))
"""Folders that are held out together; all of dataset.FOLDERS."""

Labels = npt.NDArray[np.int64]


class FrameClassifier(nn.Module):
    """Encoder states [batch, n, 288] to log probabilities [batch, n, classes].

    Two convolutions that see 220 ms to each side; what lies further the encoder has seen.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(STATE_SIZE)
        self.layers = nn.Sequential(
            nn.Conv1d(STATE_SIZE, width, 5, padding=2),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Conv1d(width, width, 5, padding=6, dilation=3),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Conv1d(width, classes, 1),
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        logits = self.layers(self.norm(states).transpose(1, 2)).transpose(1, 2)
        return torch.log_softmax(logits, dim=-1)


Item = tuple[States, Labels]


def train(
    synthetic: Sequence[Item], real: Sequence[Item], classes: int, width: int, steps: int
) -> FrameClassifier:
    """Cross-entropy by frame on random crops, real and synthetic mixed."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    model = FrameClassifier(classes, width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss_of = nn.NLLLoss(ignore_index=IGNORED)
    model.train()
    for _ in range(steps):
        batch = []
        for _ in range(BATCH):
            pool = real if real and random.random() < RECORDED_SHARE else synthetic
            batch.append(_crop(pool[int(random.integers(len(pool)))], random))
        states = torch.from_numpy(np.stack([item[0] for item in batch]))
        labels = torch.from_numpy(np.stack([item[1] for item in batch]))
        optimizer.zero_grad()
        loss = loss_of(model(states).reshape(-1, classes), labels.reshape(-1))
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def _crop(item: Item, random: np.random.Generator) -> Item:
    states, labels = item
    if len(states) > CROP:
        start = int(random.integers(len(states) - CROP))
        return states[start : start + CROP], labels[start : start + CROP]
    missing = CROP - len(states)
    return np.pad(states, ((0, missing), (0, 0))), np.pad(
        labels, (0, missing), constant_values=IGNORED
    )


def scores(model: FrameClassifier, states: States) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(states)[None])[0].numpy())


def probabilities(model: FrameClassifier, states: States) -> npt.NDArray[np.float32]:
    return np.asarray(np.exp(scores(model, states)))


def train_letters(
    synthetic: list[Example], real: list[Example], rounds: int = ALIGNMENT_ROUNDS
) -> FrameClassifier:
    """Letters from words of known place; then the places in other recordings are found with
    them, and all are trained on (Viterbi training)."""
    model = train(_letters(synthetic), _letters(real), LETTER_CLASSES, LETTERS_WIDTH, LETTERS_STEPS)
    for _ in range(rounds - 1):
        placed = [aligned(partial(scores, model), example) for example in real]
        model = train(
            _letters(synthetic), _letters(placed), LETTER_CLASSES, LETTERS_WIDTH, LETTERS_STEPS
        )
    return model


def aligned(network: Callable[[States], Scores], example: Example) -> Example:
    """The example with labels where its words were found; itself if they're known already."""
    if not (example.letters == IGNORED).any():
        return example
    places = align(network(example.states), example.text)
    if places is None:
        return example
    letters = np.zeros(len(example.states), np.int64)
    fillers = np.zeros(len(example.states), np.int64)
    for word, (start, end) in zip(example.text, places, strict=True):
        frames = slice(start // ENCODER_STEP, end // ENCODER_STEP)
        letters[frames] = spread(spell(word), frames.stop - frames.start)
        if words.is_filler(word):
            fillers[frames] = CLASSES.index(words.filler_kind(word))
    return replace(example, letters=letters, fillers=fillers)


def _letters(found: list[Example]) -> list[Item]:
    return [(e.states, e.letters) for e in found if (e.letters != IGNORED).any()]


def fillers(found: list[Example]) -> list[Item]:
    return [(e.states, e.fillers) for e in found if (e.fillers != IGNORED).any()]


def train_fillers(synthetic: list[Example], real: list[Example]) -> FrameClassifier:
    return train(fillers(synthetic), fillers(real), len(CLASSES), FILLERS_WIDTH, FILLERS_STEPS)


def varied(found: Iterable[Clip], times: int) -> list[Example]:
    """Each clip as it is and ``times`` random variations of it."""
    random = np.random.default_rng(SEED)
    return [
        example
        for clip in found
        for version in [clip, *(vary(clip, random) for _ in range(times))]
        for example in examples(version)
    ]


def export(model: FrameClassifier, path: Path) -> None:
    """As ONNX: states [1, n, 288] -> log_probabilities [1, n, classes]."""
    length = torch.export.Dim("n", min=2, max=100_000)
    program = torch.onnx.export(
        model,
        (torch.zeros(1, 64, STATE_SIZE),),
        input_names=["states"],
        output_names=["log_probabilities"],
        dynamic_shapes={"states": {1: length}},
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError(f"{path.name} could not be exported")
    program.save(str(path))


def hold_out(
    data: Path, real: list[Example], networks: Callable[[list[Example]], Networks]
) -> dict[str, held_out.Held]:
    """Each recording as heard by networks that were trained without all of its group: nobody
    is in two groups, so that these networks never heard its speaker."""
    heard = {}
    for group in GROUPS:
        entries = [entry for folder in group for entry in manifest(data, folder)]
        files = {entry.path.name: entry.path for entry in entries}
        names = {example.name for example in real} & files.keys()
        if names:
            trained = networks([example for example in real if example.name not in names])
            for name in sorted(names):
                heard[held_out.fingerprint(files[name])] = _hear(files[name], trained)
    return heard


def _hear(path: Path, networks: Networks) -> held_out.Held:
    filled, spoken = [], []
    for utterance in utterances(HighPass().push(load(path))):
        hearing = hear(utterance, [], networks)
        start = utterance.start
        filled += [
            ((start + f.start) / SAMPLE_RATE, (start + f.end) / SAMPLE_RATE)
            for f in hearing.fillers
        ]
        spoken += [(word.text, (start + word.start) / SAMPLE_RATE) for word in hearing.words]
    return held_out.Held(filled_pauses=filled, words=spoken)


def make_letters(data: Path, real: list[Example], out: Path) -> None:
    """Word times: from sentences whose phonemes have times, and from recordings."""
    synthetic = varied(synthesis.clips(data, LETTERS_SENTENCES), 3)
    export(train_letters(synthetic, real), out / "letters.onnx")

    def trained(others: list[Example]) -> Networks:
        return Networks(letters=partial(scores, train_letters(synthetic, others, rounds=1)))

    held_out.write(hold_out(data, real, trained), "words")


def make_fillers(data: Path, real: list[Example], out: Path) -> None:
    """Filled pauses: from sentences, many invented speakers, and recordings, whose words are
    placed by the letters network where they have no times."""
    synthetic = [
        *varied(synthesis.clips(data, FILLERS_SENTENCES), 2),
        *varied(speakers.clips(data, SPEAKERS), 1),
    ]
    placed = [aligned(SHIPPED.letters, example) for example in real]
    export(train_fillers(synthetic, placed), out / "filled_pause.onnx")

    def trained(others: list[Example]) -> Networks:
        return Networks(fillers=partial(probabilities, train_fillers(synthetic, others)))

    held_out.write(hold_out(data, placed, trained), "filled_pauses")


NETWORKS = {"letters": make_letters, "fillers": make_fillers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--out", type=Path, default=models.folder("voice"))
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), metavar="letters|fillers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    real = varied(recorded(arguments.data), RECORDED_VARIATIONS)
    for name in arguments.networks:
        NETWORKS[name](arguments.data, real, arguments.out)


if __name__ == "__main__":
    main()
