"""The network that judges a stretch of an answer against what a good answer says."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from services.answers.embedder import SIZE
from training.answers.dataset import LABELS

VOCABULARY = 30_522
SPECIAL = 999
"""MiniLM's ids up to here are padding, marks and single unused pieces."""

WIDTH = 64
DROPOUT = 0.4
NARROW_DROPOUT = 0.1
CLIP = 4.0
"""Standard deviations at which a feature is cut: an odd text is not an odd judgement."""


class PairHead(nn.Module):
    """Two texts' MiniLM states to probabilities of LABELS.

    One branch sees the texts' vectors (as InferSent, Conneau et al. 2017) and how their words
    lie on each other, the other the latter alone, which carries over better to new topics; the
    answer is their mean.
    """

    rarity: torch.Tensor
    """[vocabulary] inverse document frequency of each word piece."""
    negation: torch.Tensor
    """[vocabulary] 1 for not, no, never, ..."""

    def __init__(self, rarity: torch.Tensor, negation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("rarity", rarity)
        self.register_buffer("negation", negation)
        self.wide = Branch(4 * SIZE + FEATURES, DROPOUT)
        self.narrow = Branch(FEATURES, NARROW_DROPOUT)

    def forward(
        self,
        answer: torch.Tensor,
        answer_ids: torch.Tensor,
        point: torch.Tensor,
        point_ids: torch.Tensor,
        question: torch.Tensor,
        question_ids: torch.Tensor,
    ) -> torch.Tensor:
        """States [b, n, 384], [b, m, 384], ids [b, n], [b, m] (0: padding), the question's
        vector [b, 384] and ids [b, k]; gives [b, 3]."""
        return self.judge(*self.look(answer, answer_ids, point, point_ids, question, question_ids))

    def judge(self, vectors: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        wide = torch.softmax(self.wide(torch.cat([vectors, features], 1)), 1)
        return (wide + torch.softmax(self.narrow(features), 1)) / 2

    def look(
        self,
        answer: torch.Tensor,
        answer_ids: torch.Tensor,
        point: torch.Tensor,
        point_ids: torch.Tensor,
        question: torch.Tensor,
        question_ids: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is known of the pair before any training: [b, 4 * 384], [b, FEATURES]."""
        real_a, real_p = _real(answer_ids), _real(point_ids)
        a, p = _mean(answer, real_a), _mean(point, real_p)
        vectors = torch.cat([a, p, (a - p).abs(), a * p], 1)
        like = _unit(point) @ _unit(answer).transpose(1, 2)  # [b, m, n]
        best_p = like.masked_fill(real_a[:, None, :] == 0, -1.0).amax(2)
        best_a = like.masked_fill(real_p[:, :, None] == 0, -1.0).amax(1)
        rare_a = (self.rarity[answer_ids] + RARITY_FLOOR) * real_a
        rare_p = (self.rarity[point_ids] + RARITY_FLOOR) * real_p
        new_a = rare_a * (1 - _within(answer_ids, question_ids))
        new_p = rare_p * (1 - _within(point_ids, question_ids))
        in_p, in_a = _within(answer_ids, point_ids), _within(point_ids, answer_ids)
        negated_a = (self.negation[answer_ids] * real_a).sum(1).clamp(max=2.0)
        negated_p = (self.negation[point_ids] * real_p).sum(1).clamp(max=2.0)
        long_a, long_p = torch.log1p(real_a.sum(1)), torch.log1p(real_p.sum(1))
        features = [
            (a * p).sum(1),
            (a * question).sum(1),
            (p * question).sum(1),
            _share(best_p, rare_p),
            _share(best_a, rare_a),
            _share(best_p, new_p),
            _share(best_a, new_a),
            best_p.masked_fill(real_p == 0, 1.0).amin(1),
            _share(in_a, rare_p),
            _share(in_p, rare_a),
            _share(in_a, new_p),
            _share(1 - in_p, new_a),
            new_p.sum(1) / (rare_p.sum(1) + TINY),
            long_a,
            long_p,
            long_a - long_p,
            negated_a,
            negated_p,
            (negated_a - negated_p).abs(),
        ]
        return vectors, torch.stack(features, 1)


FEATURES = 19
COSINE = 0
"""Which feature is the cosine of the two texts."""

RARITY_FLOOR = 1e-3
TINY = 1e-6


class Branch(nn.Module):
    """Standardised inputs, one hidden layer, logits of LABELS."""

    middle: torch.Tensor
    spread: torch.Tensor

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(size, WIDTH),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(WIDTH, len(LABELS)),
        )

    def standardise(self, inputs: torch.Tensor) -> None:
        self.middle.copy_(inputs.mean(0))
        self.spread.copy_(inputs.std(0) + TINY)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        scaled = ((inputs - self.middle) / self.spread).clamp(-CLIP, CLIP)
        return cast(torch.Tensor, self.layers(scaled))


def _real(ids: torch.Tensor) -> torch.Tensor:
    return (ids >= SPECIAL).float()


def _mean(states: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    return _unit((states * real[:, :, None]).sum(1))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / ((vectors * vectors).sum(-1, keepdim=True) + TINY).sqrt()


def _within(ids: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """[b, n]: 1 where a word piece is among the others."""
    return (ids[:, :, None] == others[:, None, :]).any(2).float()


def _share(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean; 0 where there is no weight."""
    return (values * weights).sum(1) / (weights.sum(1) + TINY)
