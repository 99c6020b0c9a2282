"""Sentences as vectors: all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from services.runtime import models
from services.runtime.media import Floats

SIZE = 384
MAX_PIECES = 128
"""A spoken sentence has some 20; longer ones are cut."""

BATCH = 16
CACHE = 512
"""Texts that are kept: questions, points and sentences come again with every evaluation."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text by its word pieces, the first and the last of which stand for the whole."""

    ids: npt.NDArray[np.int64]
    """[n]"""
    states: Floats
    """[n, 384]"""
    vector: Floats
    """[384], of length 1: the mean of the states."""

    def __add__(self, other: Encoded) -> Encoded:
        """Both texts as one, from what each is by itself: costs nothing, judges nearly as well."""
        ids = np.concatenate([self.ids[:-1], other.ids[1:]])
        return _one(np.concatenate([self.states[:-1], other.states[1:]]), ids)


class Embedder:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("answers", "minilm")
        self._tokenizer = Tokenizer.from_file(str(models.path("answers", "minilm_tokenizer")))
        self._tokenizer.enable_truncation(MAX_PIECES)
        self._tokenizer.enable_padding()
        self._known: dict[str, Encoded] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, 384] unit vectors."""
        vectors = [encoded.vector for encoded in self.encode(texts)]
        return np.array(vectors, np.float32).reshape(-1, SIZE)

    def vocabulary(self) -> dict[str, int]:
        """Every word piece's id."""
        pieces: dict[str, int] = self._tokenizer.get_vocab()
        return pieces

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Each text with its word pieces' states."""
        unknown = sorted({text for text in texts if text not in self._known}, key=by_length)
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]  # of like length: little padding
            self._known.update(zip(batch, self._encode(batch), strict=True))
        found = [self._known[text] for text in texts]
        while len(self._known) > CACHE:
            self._known.pop(next(iter(self._known)))
        return found

    def _encode(self, texts: list[str]) -> list[Encoded]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encoded], np.int64)
        mask = np.array([each.attention_mask for each in encoded], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, given)[0]
        return [
            _one(row[: int(real.sum())], pieces[: int(real.sum())])
            for row, pieces, real in zip(states, ids, mask, strict=True)
        ]


def by_length(text: str) -> tuple[int, str]:
    """A sort key, the same in every process: int8 scales depend on what is in a batch."""
    return len(text), text


def _one(states: Floats, ids: npt.NDArray[np.int64]) -> Encoded:
    mean = states.mean(0)
    return Encoded(ids.copy(), states.copy(), mean / max(float(np.linalg.norm(mean)), 1e-9))
