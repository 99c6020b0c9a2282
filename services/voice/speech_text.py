"""From utterances to transcript segments: what to transcribe, when, and what to say of it."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace

import numpy as np
from greenroom.v1.signals_pb2 import TranscriptSegment, VoiceEvent, Word

from services.runtime.analyzer import Observation
from services.voice import words
from services.voice.clock import StreamClock
from services.voice.filled_pauses import Heard
from services.voice.hearing import Hearing, hear
from services.voice.transcription import Transcription
from services.voice.unfinished import Unfinished
from services.voice.utterances import Utterance

FINISH_SECONDS = 2.5
"""How long the end of a session waits for text: well within the 6 s after which the report is
written without what is missing."""

UNSURE = 0.4
"""Last words of an unfinished utterance with less confidence are not shown: they were heard
with little or no sound after them."""

MIN_HEARD = 0.5
"""With less of an utterance's speech heard than this, its text would be made up."""


@dataclass(eq=False)
class _Job:
    utterance: Utterance
    future: Future[Hearing]
    known: Unfinished
    """What was not looked for again."""


class SpeechText:
    """Utterances in, transcript segments and filled pauses out. Holds one stream's state."""

    def __init__(self, clock: StreamClock, transcription: Transcription) -> None:
        self._clock = clock
        self._transcription = transcription
        self._jobs: list[_Job] = []
        self._latest: _Job | None = None
        self._known = Unfinished()
        self._shown: set[int] = set()  # unfinished utterances of which some text was told
        self._filled_until = 0  # where the last filled pause that was told ends

    def take(self, utterance: Utterance) -> list[Observation]:
        """Have an utterance transcribed, unless that is under way already."""
        latest = self._latest
        if latest and latest.utterance.number == utterance.number:
            whole = latest.utterance.at_pause and latest.utterance.end == utterance.end
            if whole and utterance.final:
                latest.utterance = utterance
                if latest not in self._jobs:
                    self._jobs.append(latest)
                return []
            if latest.future.cancel():  # not begun, and overtaken
                self._jobs.remove(latest)
                self._latest = None
        if utterance.heard_share < MIN_HEARD:
            return self._missed(utterance)
        if self._known.number != utterance.number:
            self._known = Unfinished(utterance.number)
        known, draft = self._known, self._known.draft
        if utterance.final or utterance.at_pause:  # heard as a whole
            known = Unfinished(utterance.number)
        else:
            utterance, draft = known.rest(utterance), list(known.tokens)
        future = self._transcription.submit(
            lambda: hear(utterance, draft), partial=not utterance.final
        )
        if future is None:
            return self._missed(utterance)
        self._latest = _Job(utterance, future, known)
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
        utterance, hearing = job.utterance, job.future.result()
        heard = self._words(utterance, job.known.words(utterance, hearing))
        if not utterance.final:
            if job.known.number == self._known.number:
                self._known = job.known.after(utterance, hearing)
            while heard and heard[-1].confidence < UNSURE:
                heard.pop()
            if not heard:
                return []
            self._shown.add(utterance.number)
            return [self._segment(utterance, heard)]
        found = list(self._filled_pauses(utterance, hearing))
        if heard or utterance.number in self._shown:  # else breath, laughter, noise: no text
            found.insert(0, self._segment(utterance, heard))
        self._shown.discard(utterance.number)
        return found

    def _segment(self, utterance: Utterance, heard: list[Word]) -> Observation:
        segment = TranscriptSegment(
            utterance=utterance.number,
            final=utterance.final,
            text=" ".join(word.text for word in heard),
            words=heard,
            speech_seconds=utterance.speech_seconds if heard else 0.0,
            syllables=sum(words.syllables(word.text) for word in heard),
        )
        confidence = float(np.mean([word.confidence for word in heard])) if heard else 1.0
        seen = self._observation(utterance, segment, confidence)
        if not heard:
            return seen
        start, end = min(seen.start_us, heard[0].start_us), max(seen.end_us, heard[-1].end_us)
        return replace(seen, start_us=start, end_us=end)

    def _words(self, utterance: Utterance, heard: list[Heard]) -> list[Word]:
        return [
            Word(
                text=word.text,
                start_us=self._clock.time_us(word.start),
                end_us=self._clock.time_us(word.end),
                confidence=word.confidence * utterance.heard_share,
                filler=word.filler,
            )
            for word in heard
        ]

    def _filled_pauses(self, utterance: Utterance, hearing: Hearing) -> Iterable[Observation]:
        for filler in hearing.fillers:
            start, end = utterance.start + filler.start, utterance.start + filler.end
            if start < self._filled_until:
                continue  # in the tail of the utterance before, and told with it
            self._filled_until = end
            event = VoiceEvent(type=VoiceEvent.FILLED_PAUSE, detail=words.filler_kind(filler.text))
            times = self._clock.time_us(start), self._clock.time_us(end)
            yield Observation(event, *times, filler.confidence * utterance.heard_share)

    def _observation(
        self, utterance: Utterance, segment: TranscriptSegment, confidence: float
    ) -> Observation:
        start = self._clock.time_us(utterance.stretches[0][0])
        end = self._clock.time_us(utterance.stretches[-1][1])
        return Observation(segment, start, end, confidence)
