"""Words as a transcript has them."""

from greenroom.v1.signals_pb2 import Word

from services.runtime.media import MICROSECONDS

WORD_US = 300_000
START_US = 1_700_000_000 * MICROSECONDS


def say(text: str, start_us: int = START_US) -> list[Word]:
    """At 200 words a minute."""
    return [
        Word(text=token, start_us=start_us + n * WORD_US, end_us=start_us + n * WORD_US + 250_000)
        for n, token in enumerate(text.split())
    ]


GOOD_STORY = (
    "Two years ago our checkout page started to lose one order in two hundred. "
    "My task was to find out why before the summer sale. "
    "First I added a trace to each request and followed one order through all five services. "
    "Then I saw that two workers took the same message, so I made the handler safe to run twice. "
    "As a result we lost no order in three months, and I learned to measure before I guess."
)
"""Ninety words with all four parts, written for these tests."""

SMALL_TALK = (
    "The weather was lovely on Sunday and we had a barbecue in the garden. My sister brought a "
    "cake with cherries, and the dog slept under the table all afternoon."
)
