"""Speech to text with Moonshine tiny (Jeffries et al. 2024) on onnxruntime.

The encoder takes raw sound of any length, so a short utterance costs little. The
decoder is greedy with a KV cache. The graphs are this project's, the weights in them those of
the package (training/voice/moonshine.py). Decoders of this kind repeat themselves or
make text up when there is nothing to hear; see the guards below.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from services.runtime import models
from services.runtime.media import SAMPLE_RATE
from services.voice import tokenizer

LAYERS = 6
HEADS = 8
HEAD_SIZE = 36
"""The shape of the decoder's KV cache."""
HEARD = [f"heard_{i}" for i in range(2 * LAYERS)]
"""The decoder's view of the sound: keys and values of each layer, [1, HEADS, n, HEAD_SIZE]."""

ENCODER_STEP = 384
"""Samples an encoder state: 24 ms."""

MIN_SAMPLES = SAMPLE_RATE // 4
"""The encoder needs some 100 ms; shorter sound is padded with silence to this."""

TOKENS_PER_SECOND = 6.5
"""Moonshine's own limit: nobody says more. Text beyond it is made up, most often in a loop."""
SPARE_TOKENS = 4

MAX_REPEATS = 3
"""A phrase that is still said more often in a row than this at the limit is a loop of the
decoder."""
MAX_PHRASE = 8
"""Tokens of the longest phrase looked at for loops."""

COMMAS = re.compile(",+")
"""The decoder says one twice now and then, which is no loop yet."""

MIN_MEAN_LOG_PROBABILITY = -1.5
"""Below this mean a text is a guess, as on breath, laughter or noise."""

CHECKED_TOKENS = 8
"""Of a draft in one step, also when it is refused: more would cost little, but what is quantized
together is rounded together, and the text would differ more often from that of single steps."""
REJOIN_TOKENS = 4
"""How far on a draft may go on after a word that is not in it."""

Signal = npt.NDArray[np.float32]
States = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in one stretch of sound."""

    tokens: list[int]
    log_probabilities: list[float]
    """One for each token."""
    states: States
    """[n, 288] the encoder's view of the sound, one row for each ENCODER_STEP samples."""

    @property
    def text(self) -> str:
        return tokenizer.decode(self.tokens)

    @property
    def words(self) -> list[tuple[str, float, int]]:
        """Each word with its confidence 0..1, the probability of its least sure token, and the
        place of its first token."""
        starts = [i for i, t in enumerate(self.tokens) if i == 0 or tokenizer.starts_word(t)]
        found = []
        for start, end in pairwise([*starts, len(self.tokens)]):
            text = COMMAS.sub(",", tokenizer.decode(self.tokens[start:end]))
            if text:
                found.append((text, float(np.exp(min(self.log_probabilities[start:end]))), start))
        return found


@cache
def _encoder() -> ort.InferenceSession:
    return models.session("voice", "moonshine_encoder", weights="moonshine_encoder_weights")


@cache
def _cross() -> ort.InferenceSession:
    return models.session("voice", "moonshine_cross", weights="moonshine_decoder_weights")


@cache
def _decoder() -> ort.InferenceSession:
    return models.session("voice", "moonshine_decoder", weights="moonshine_decoder_weights")


def encode(signal: Signal) -> States:
    """The encoder's states [n, 288] of a signal [samples] in -1..1."""
    return np.asarray(_encoder().run(None, {"sound": signal[None]})[0][0])


def transcribe(
    signal: Signal, draft: list[int] | None = None, *, keep_within: float = 0.0
) -> Transcript:
    """The words in a signal [samples] in -1..1.

    A ``draft`` is the text of an earlier transcript of the same words: the decoder checks it in
    one step and keeps it up to where another token is likelier by more than ``keep_within``
    (log): speculative decoding (Leviathan et al. 2023), which saves a step a token. With 0 the
    text is the same as without a draft, but for ties: longer steps round otherwise.
    """
    signal = np.pad(signal, (0, max(MIN_SAMPLES - len(signal), 0)))
    states = encode(signal)
    decoding = _Decoding(states)
    limit = int(len(signal) / SAMPLE_RATE * TOKENS_PER_SECOND) + SPARE_TOKENS
    rest = list(draft or [])
    token, tokens, scores = tokenizer.BEGIN, list[int](), list[float]()
    while len(tokens) < limit:
        checked = rest[: min(CHECKED_TOKENS, limit - len(tokens) - 1)]
        follows = decoding.step([token, *checked])
        kept = _agreed(follows, rest[: len(follows)], keep_within)
        if kept == len(follows):  # its last token has yet to be fed
            said, rest = rest[:kept], rest[kept:]
        else:
            decoding.forget(len(checked) - kept)
            said = [*checked[:kept], int(follows[kept].argmax())]
            rest = _behind(said[-1], rest[kept:])
        token = said[-1]
        scores += [float(row[t]) for row, t in zip(follows, said, strict=False)]
        tokens += said
        if token == tokenizer.END:
            tokens, scores = tokens[:-1], scores[:-1]
            break
    else:
        # A loop of the decoder does not end by itself, somebody who really says a word many
        # times does, or goes on. Up to the limit it costs what the quickest speech of that
        # length does: some 70 steps for the longest utterance.
        if (end := loop_start(tokens)) is not None:
            tokens, scores = tokens[:end], scores[:end]
    if scores and float(np.mean(scores)) < MIN_MEAN_LOG_PROBABILITY:
        tokens, scores = [], []
    return Transcript(tokens, scores, states)


def _agreed(follows: npt.NDArray[np.float32], draft: list[int], within: float) -> int:
    """How many tokens of a draft the decoder would say too; ``follows`` [n, vocabulary]."""
    for i, token in enumerate(draft):
        if follows[i].max() - follows[i, token] > within:
            return i
    return len(draft)


def _behind(token: int, draft: list[int]) -> list[int]:
    """What may follow a token that was said in place of the draft's first: the draft behind the
    same token, if it is near, else behind the one it replaces."""
    near = draft[:REJOIN_TOKENS]
    return draft[near.index(token) + 1 if token in near else 1 :]


class _Decoding:
    """The decoder on one stretch of sound, with its KV cache."""

    def __init__(self, states: States) -> None:
        self._heard = dict(zip(HEARD, _cross().run(HEARD, {"states": states[None]}), strict=True))
        self._past = np.zeros((2 * LAYERS, HEADS, 0, HEAD_SIZE), np.float32)

    def step(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """Log probabilities [len(tokens), vocabulary] of what follows each token."""
        found, self._past = _decoder().run(
            None,
            {"tokens": np.array([tokens], np.int64), "past": self._past, **self._heard},
        )
        return np.asarray(found[0])

    def forget(self, count: int) -> None:
        """As if the last ``count`` tokens had not been."""
        self._past = self._past[:, :, : self._past.shape[2] - count]


def loop_start(tokens: list[int]) -> int | None:
    """Where the second round of a phrase starts, when the tokens end in a loop of it."""
    for length in range(1, MAX_PHRASE + 1):
        start = len(tokens) - length
        while start > 0 and tokens[start - 1] == tokens[start - 1 + length]:
            start -= 1
        if len(tokens) - start >= length * (MAX_REPEATS + 1):
            return start + length
    return None
