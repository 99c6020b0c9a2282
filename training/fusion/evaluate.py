"""The fusion's figures: claims against the stream, hints against labels, the ablation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from services.aggregator.fold import Fold
from services.aggregator.report import write
from training.fusion import ablation, hints
from training.fusion.corpus import Practice, practices
from training.fusion.evidence import Witness, sentences
from training.results import Row, bootstrap, skipped


def evaluate(data: Path) -> list[Row]:
    """All figures of the fusion; what the folder lacks is skipped with a word."""
    listed = list(practices(data))
    if not listed:
        return [skipped("fusion", "claims, hints, scores", "no talking videos or speech")]
    return [_claims(listed), *hints.rows(listed), *ablation.rows(listed)]


def _claims(listed: list[Practice]) -> Row:
    """How many sentences of the reports the stream bears out, counted again from signals."""
    upheld = []
    for practice in listed:
        fold = Fold("")
        for message in practice.stream:
            fold.take(message)
        witness = Witness(practice.stream)
        said = sentences(write(fold.state, affect=True))
        upheld.append(np.array([float(witness.upholds(claim)) for claim in said]))
    upheld = [each for each in upheld if len(each)]
    low, high = bootstrap(upheld, lambda values: float(np.mean(values)))
    everything = np.concatenate(upheld)
    return Row(
        area="fusion",
        metric="sentences of reports that the stream bears out",
        value=float(np.mean(everything)),
        low=low,
        high=high,
        n=len(everything),
        target=1.0,
        note=f"in {len(upheld)} recordings",
    )
