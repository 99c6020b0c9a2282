"""From utterances to transcript segments: what to transcribe, when, and what to say of it."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from greenroom.v1.signals_pb2 import TranscriptSegment, VoiceEvent, Word

from services.runtime.analyzer import Observation
from services.voice import transcriber, words
from services.voice.clock import StreamClock
from services.voice.loudness import FULL_SCALE
from services.voice.transcriber import Transcript
from services.voice.transcription import Transcription
from services.voice.utterances import Utterance

FINISH_SECONDS = 2.5
"""How long the end of a session waits for text: within the 4 s after which the report is
written without what is missing."""

UNSURE = 0.4
"""Last words of an unfinished utterance with less confidence are not shown: they were heard
with little or no sound after them."""

MAX_CONCEALED = 0.5
"""With more of an utterance lost than this, its text would be made up."""

TEXT_FILLER_CONFIDENCE = 0.8
"""How far a filler in the text alone is trusted: the transcriber seldom writes one that
was not said."""


@dataclass(frozen=True)
class _Partial:
    """The newest unfinished utterance's text."""

    number: int
    tokens: list[int]
    settled: list[int]


@dataclass
class _Job:
    utterance: Utterance
    future: Future[Transcript]


class SpeechText:
    """Utterances in, transcript segments and filled pauses out. Holds one stream's state."""

    def __init__(self, clock: StreamClock, transcription: Transcription) -> None:
        self._clock = clock
        self._transcription = transcription
        self._jobs: list[_Job] = []
        self._latest: _Job | None = None
        self._partial = _Partial(0, [], [])
        self._shown: set[int] = set()  # unfinished utterances of which some text was told

    def take(self, utterance: Utterance) -> list[Observation]:
        """Have an utterance transcribed, unless that is under way already."""
        latest = self._latest
        if latest and latest.utterance.number == utterance.number:
            if utterance.final and latest.utterance.end == utterance.end:
                latest.utterance = utterance
                if latest not in self._jobs:
                    self._jobs.append(latest)
                return []
            if latest.future.cancel():  # not begun, and overtaken
                self._jobs.remove(latest)
        if utterance.concealed > MAX_CONCEALED * len(utterance.samples):
            return self._missed(utterance)
        # Text that may become final is decoded as a whole.
        prefix = [] if utterance.at_pause or utterance.final else self._settled(utterance)
        signal = utterance.samples.astype(np.float32) / FULL_SCALE
        future = self._transcription.submit(
            lambda: transcriber.transcribe(signal, prefix), partial=not utterance.final
        )
        if future is None:
            return self._missed(utterance)
        self._latest = _Job(utterance, future)
        self._jobs.append(self._latest)
        return []

    def collect(self) -> list[Observation]:
        """What is done by now, in order."""
        found: list[Observation] = []
        while self._jobs and self._jobs[0].future.done():
            found += self._tell(self._jobs.pop(0))
        return found

    def finish(self) -> list[Observation]:
        """Wait for what is under way, no longer than FINISH_SECONDS."""
        until = time.monotonic() + FINISH_SECONDS
        found: list[Observation] = []
        for job in self._jobs:
            try:
                job.future.result(max(until - time.monotonic(), 0.0))
                found += self._tell(job)
            except FutureTimeout:
                job.future.cancel()
                found += self._missed(job.utterance)
        self._jobs = []
        return found

    def _missed(self, utterance: Utterance) -> list[Observation]:
        if not utterance.final:
            return []
        self._shown.discard(utterance.number)
        segment = TranscriptSegment(utterance=utterance.number, final=True, missed=True)
        return [self._observation(utterance, segment, 1.0)]

    def _tell(self, job: _Job) -> list[Observation]:
        utterance, transcript = job.utterance, job.future.result()
        heard = list(self._words(utterance, transcript))
        if not utterance.final:
            self._settle(utterance, transcript)
            while heard and heard[-1].confidence < UNSURE:
                heard.pop()
            if not heard:
                return []
            self._shown.add(utterance.number)
        elif not heard and utterance.number not in self._shown:
            return []  # breath, laughter, noise: nothing was said
        else:
            self._shown.discard(utterance.number)
        segment = TranscriptSegment(
            utterance=utterance.number,
            final=utterance.final,
            text=" ".join(word.text for word in heard),
            words=heard,
            speech_seconds=utterance.speech_seconds if heard else 0.0,
            syllables=sum(words.syllables(word.text) for word in heard),
        )
        confidence = float(np.mean([word.confidence for word in heard])) if heard else 1.0
        found = [self._observation(utterance, segment, confidence)]
        if utterance.final:
            found += self._filled_pauses(heard)
        return found

    def _settled(self, utterance: Utterance) -> list[int]:
        return self._partial.settled if self._partial.number == utterance.number else []

    def _settle(self, utterance: Utterance, transcript: Transcript) -> None:
        """What two partial transcripts agree in is settled for the next ("local agreement",
        Liu, Spanakis and Niehues 2020), but for the last token, which may yet grow."""
        before = self._partial.tokens if self._partial.number == utterance.number else []
        agreed = takewhile(
            lambda pair: pair[0] == pair[1], zip(before, transcript.tokens, strict=False)
        )
        settled = [token for token, _ in agreed][:-1]
        self._partial = _Partial(utterance.number, transcript.tokens, settled)

    def _words(self, utterance: Utterance, transcript: Transcript) -> Iterable[Word]:
        spoken = transcript.words
        weights = [words.syllables(text) for text, _ in spoken]
        heard = 1.0 - utterance.concealed / len(utterance.samples)
        places = words.spread(weights, list(utterance.stretches))
        for (text, confidence), (start, end) in zip(spoken, places, strict=True):
            yield Word(
                text=text,
                start_us=self._clock.time_us(start),
                end_us=self._clock.time_us(end),
                confidence=confidence * heard,
                filler=words.is_filler(text),
            )

    def _filled_pauses(self, heard: list[Word]) -> Iterable[Observation]:
        for word in heard:
            if word.filler:
                event = VoiceEvent(
                    type=VoiceEvent.FILLED_PAUSE, detail=words.filler_kind(word.text)
                )
                confidence = TEXT_FILLER_CONFIDENCE * word.confidence
                yield Observation(event, word.start_us, word.end_us, confidence)

    def _observation(
        self, utterance: Utterance, segment: TranscriptSegment, confidence: float
    ) -> Observation:
        start = self._clock.time_us(utterance.stretches[0][0])
        end = self._clock.time_us(utterance.stretches[-1][1])
        return Observation(segment, start, end, confidence)
