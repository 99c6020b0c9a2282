"""The voice analyzer: sound in; voice states, events and transcript segments out."""

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from greenroom.v1.signals_pb2 import VoiceEvent, VoiceState

from services.runtime.analyzer import Observation
from services.runtime.media import Pcm
from services.voice import gain, hearing, level_meter, loudness
from services.voice.breaths import Breaths
from services.voice.clock import WINDOW, StreamClock
from services.voice.gain import GainWatch
from services.voice.highpass import HighPass
from services.voice.level_meter import LevelMeter
from services.voice.pauses import Pauses, Stretch
from services.voice.pitch import PitchTracker
from services.voice.speech_text import SpeechText
from services.voice.transcription import Transcription, background
from services.voice.utterances import Utterances
from services.voice.vad import FRAME, VadFrame, VoiceActivity

_EVENTS = {
    "speech": VoiceEvent.SPEECH,
    "pause": VoiceEvent.PAUSE,
    "breath": VoiceEvent.BREATH,
}


class VoiceAnalyzer:
    """One session's voice. Implements Analyzer[Pcm].

    Voice activity, pitch, pauses and level are worked out at once. Text comes from a thread
    beside, and with the next call after it is done; ``finish`` waits for it, within bounds.
    """

    def __init__(self, transcription: Transcription | None = None) -> None:
        """Text is worked out by the process's own thread, or where ``transcription`` says."""
        hearing.load()
        self._clock = StreamClock()
        self._highpass = HighPass()
        self._activity = VoiceActivity()
        self._pauses = Pauses()
        self._breaths = Breaths()
        self._gain = GainWatch()
        self._utterances = Utterances(self._clock)
        self._text = SpeechText(self._clock, transcription or background())
        self._level = LevelMeter()
        self._window = _Window(self._clock)

    def analyze(self, item: Pcm) -> Iterable[Observation]:
        fill, samples, broken = self._clock.lay(item)
        found: list[Observation] = []
        if fill:
            found += self._hear(np.zeros(fill, np.int16), concealed=fill, received=False)
        if broken:
            self._pauses = Pauses()  # what was between is not known to be a pause
        if len(samples):
            found += self._hear(samples, concealed=item.concealed, received=True)
        return found + self._text.collect()

    def finish(self) -> Iterable[Observation]:
        found = [self._stretch(stretch) for stretch in self._pauses.finish()]
        for utterance in self._utterances.finish():
            found += self._text.take(utterance)
        return found + self._window.finish() + self._text.finish()

    def _hear(
        self, samples: npt.NDArray[np.int16], *, concealed: int, received: bool
    ) -> list[Observation]:
        """``samples`` were laid as the last ones by the clock."""
        found: list[Observation] = []
        lost = concealed * 2 > len(samples)
        raw, samples = samples, self._highpass.push(samples)
        frames = self._activity.push(samples, lost=lost)
        for frame in frames:
            found += [self._stretch(stretch) for stretch in self._pauses.push(frame)]
            if self._gain.push(frame):
                event = VoiceEvent(type=VoiceEvent.LEVEL, detail="automatic_gain")
                start = max(frame.end - gain.EVIDENCE, 0)
                found.append(self._observation(event, start, frame.end, gain.CONFIDENCE))
        found += [self._stretch(stretch) for stretch in self._breaths.push(samples, frames)]
        for warning in self._level.push(raw, frames):
            event = VoiceEvent(
                type=VoiceEvent.LEVEL, detail=warning.detail, level_dbfs=warning.level_dbfs
            )
            end = self._clock.samples
            start = max(end - level_meter.SPEECH_FRAMES * FRAME, 0)
            found.append(self._observation(event, start, end, 1.0))
        found += self._window.push(
            raw, samples, frames, concealed if received else None, self._level.noise_dbfs
        )
        for utterance in self._utterances.push(samples, frames):
            found += self._text.take(utterance)
        return found

    def _stretch(self, stretch: Stretch) -> Observation:
        event = VoiceEvent(type=_EVENTS[stretch.kind])
        return self._observation(event, stretch.start, stretch.end, stretch.probability)

    def _observation(
        self, event: VoiceEvent, start: int, end: int, confidence: float
    ) -> Observation:
        return Observation(event, self._clock.time_us(start), self._clock.time_us(end), confidence)


class _Window:
    """Sums sound up into one VoiceState for each WINDOW."""

    def __init__(self, clock: StreamClock) -> None:
        self._clock = clock
        self._pitch = PitchTracker()
        self._start = 0
        self._noise: float | None = None
        self._was_speech = False
        self._begin()

    def _begin(self) -> None:
        self._sound = np.zeros(0, np.int16)
        self._dead = True
        self._received = 0
        self._concealed = 0
        self._speech = 0
        self._judged = 0

    def push(
        self,
        raw: npt.NDArray[np.int16],
        samples: npt.NDArray[np.int16],
        frames: list[VadFrame],
        concealed: int | None,
        noise_dbfs: float | None,
    ) -> list[Observation]:
        """``concealed`` None: the samples were not received, they fill a gap."""
        self._noise = noise_dbfs
        judged = deque(frames)
        found: list[Observation] = []
        while len(samples):
            part = samples[: WINDOW - len(self._sound)]
            self._dead &= loudness.is_dead(raw[: len(part)])
            samples, raw = samples[len(part) :], raw[len(part) :]
            self._sound = np.concatenate([self._sound, part])
            if concealed is not None:
                self._received += len(part)
                self._concealed += min(concealed, len(part))
                concealed = max(concealed - len(part), 0)
            while judged and judged[0].end <= self._start + len(self._sound):
                self._speech += judged.popleft().speech
                self._judged += 1
            if len(self._sound) == WINDOW:
                found += self.finish()
        return found

    def finish(self) -> list[Observation]:
        """The state of the window so far; none when nothing was received in it."""
        sound, start = self._sound, self._start
        speech = self._speech / self._judged if self._judged else 0.0
        signal = sound.astype(np.float32) / loudness.FULL_SCALE
        # The pitch is that of 160 ms before, so speech that just ended counts too.
        run = speech > 0 or self._was_speech
        pitch = self._pitch.window(signal, run=run)
        self._was_speech = speech > 0
        self._start += len(sound)
        received, concealed, dead = self._received, self._concealed, self._dead
        self._begin()
        if not received:
            return []
        lost = concealed / received
        state = VoiceState(
            samples=received,
            speech=speech,
            f0_hz=pitch.median_hz,
            voiced=pitch.voiced_share if len(pitch.hz) else None,
            loudness_dbfs=loudness.dbfs(loudness.rms(sound)),
            concealed=lost,
            digital_silence=dead,
            noise_dbfs=self._noise,
        )
        times = self._clock.time_us(start), self._clock.time_us(start + len(sound))
        return [Observation(state, *times, 1.0 - lost)]
