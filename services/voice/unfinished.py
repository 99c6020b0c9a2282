"""What is known of an utterance while it is being said.

Each look at an unfinished utterance would cost more than the one before, and older words would
be heard again and again. So its words are settled after a while: the next look begins behind
them. Once the utterance is finished it is heard as a whole.
"""

from dataclasses import dataclass, replace

from services.runtime.media import SAMPLE_RATE
from services.voice.filled_pauses import Heard
from services.voice.hearing import Hearing
from services.voice.utterances import Utterance

MAX_LOOK = 3 * SAMPLE_RATE
"""Sound that one look may hear before words of it are settled."""

SETTLED_BEFORE = SAMPLE_RATE * 6 // 5
"""1.2 s: words that lie so far back do not change any more in most cases, and the transcriber
wants some sound before new ones."""

BOUNDARIES_WITHIN = SAMPLE_RATE
"""Of the words' boundaries in this stretch before that, the widest gap is chosen."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Places are samples of the stream."""

    number: int = 0
    settled: tuple[Heard, ...] = ()
    settled_tokens: tuple[int, ...] = ()
    place: int = 0
    """Where the settled words end; 0 while there are none."""
    tokens: tuple[int, ...] = ()
    """Of the words after it, as last heard."""

    @property
    def draft(self) -> list[int]:
        """The whole utterance's text so far."""
        return [*self.settled_tokens, *self.tokens]

    def rest(self, utterance: Utterance) -> Utterance:
        """The utterance with text looked for only behind the settled words."""
        return replace(utterance, text_from=max(self.place - utterance.start, utterance.text_from))

    def words(self, utterance: Utterance, hearing: Hearing) -> list[Heard]:
        """The settled words, and those of the rest."""
        at = utterance.start
        return [
            *self.settled,
            *(replace(w, start=at + w.start, end=at + w.end) for w in hearing.words),
        ]

    def after(self, utterance: Utterance, hearing: Hearing) -> "Unfinished":
        """What is known after a look at the rest."""
        known = replace(self, tokens=tuple(hearing.tokens))
        if len(utterance.samples) - utterance.text_from < MAX_LOOK:
            return known
        index = _boundary(hearing.words, len(utterance.samples) - SETTLED_BEFORE)
        if index is None:
            return known
        words = self.words(utterance, hearing)[: len(self.settled) + index]
        split = hearing.starts[index]
        return Unfinished(
            number=self.number,
            settled=tuple(words),
            settled_tokens=(*self.settled_tokens, *hearing.tokens[:split]),
            place=(words[-1].end + utterance.start + hearing.words[index].start) // 2,
            tokens=tuple(hearing.tokens[split:]),
        )


def _boundary(words: list[Heard], before: int) -> int | None:
    """The word in front of which there is the widest gap, shortly before a place."""
    near = [i for i in range(1, len(words)) if 0 <= before - words[i].start <= BOUNDARIES_WITHIN]
    return max(near, key=lambda i: words[i].start - words[i - 1].end, default=None)
