"""Sentences as vectors: all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from services.runtime import models
from services.runtime.media import Floats

MAX_PIECES = 128
"""A spoken sentence has some 20; longer ones are cut."""

BATCH = 16
CACHE = 512
"""Texts whose vectors are kept: questions and points come again with every evaluation."""


class Embedder:
    """Shared by all sessions of a process."""

    def __init__(self) -> None:
        self._session = models.session("answers", "minilm")
        self._tokenizer = Tokenizer.from_file(str(models.path("answers", "minilm_tokenizer")))
        self._tokenizer.enable_truncation(MAX_PIECES)
        self._tokenizer.enable_padding()
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._known: dict[str, Floats] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, 384] unit vectors."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            for text, vector in zip(batch, self._embed(batch), strict=True):
                self._known[text] = vector
        vectors = np.array([self._known[text] for text in texts], np.float32).reshape(-1, 384)
        while len(self._known) > CACHE:
            self._known.pop(next(iter(self._known)))
        return vectors

    def _embed(self, texts: list[str]) -> Floats:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encoded], np.int64)
        mask = np.array([each.attention_mask for each in encoded], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        output = self._session.run(
            None, {name: value for name, value in given.items() if name in self._inputs}
        )[0]
        if output.ndim == 3:  # token vectors: their mean over the real tokens
            weights = mask[:, :, None].astype(np.float32)
            output = (output * weights).sum(1) / weights.sum(1)
        unit: Floats = output / np.maximum(np.linalg.norm(output, axis=1, keepdims=True), 1e-9)
        return unit
