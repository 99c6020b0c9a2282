"""Moonshine's vocabulary, as its package stores it."""

from functools import cache
from typing import Final

from services.runtime import models

BEGIN: Final = 1
END: Final = 2

WORD_MARK = "▁".encode()
"""SentencePiece's sign for a space before a word."""

LONG = 128
"""A first length byte from here up says that the length takes two bytes."""


def parse(data: bytes) -> list[bytes]:
    """Tokens by id, each stored as its length (1 or 2 bytes) and its bytes.

    Raises ValueError for a file that ends inside a token.
    """
    tokens: list[bytes] = []
    position = 0
    while position < len(data):
        length = data[position]
        position += 1
        if length >= LONG:
            if position == len(data):
                raise ValueError("the vocabulary ends inside a length")
            length = data[position] * LONG + length - LONG
            position += 1
        token = data[position : position + length]
        if len(token) < length:
            raise ValueError("the vocabulary ends inside a token")
        tokens.append(token)
        position += length
    return tokens


@cache
def vocabulary() -> list[bytes]:
    return parse(models.path("voice", "moonshine_tokenizer").read_bytes())


def starts_word(token: int) -> bool:
    return vocabulary()[token].startswith(WORD_MARK)


def decode(tokens: list[int]) -> str:
    """The text of tokens, special ones left out, spaces trimmed."""
    pieces = vocabulary()
    joined = b"".join(pieces[token] for token in tokens if token > END)
    return joined.replace(WORD_MARK, b" ").decode("utf-8", "replace").strip()
