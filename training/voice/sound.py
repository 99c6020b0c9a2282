"""Recordings as the voice analyzer hears them."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from services.runtime.analyzer import Observation
from services.runtime.media import CHUNK_SAMPLES, MICROSECONDS, SAMPLE_RATE, Pcm
from services.voice.analyzer import VoiceAnalyzer
from services.voice.transcription import Inline

Samples = npt.NDArray[np.int16]


@lru_cache(maxsize=64)
def load(path: Path) -> Samples:
    """A file's sound [n], mono at 16 kHz; empty when it has none.

    Raises av.FFmpegError for a file that FFmpeg can't read.
    """
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    parts: list[Samples] = []
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.int16)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        if parts:
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def chunks(samples: Samples, start_us: int = 0) -> Iterator[Pcm]:
    """The sound in the gateway's pieces."""
    for number, at in enumerate(range(0, len(samples), CHUNK_SAMPLES)):
        capture_us = start_us + at * MICROSECONDS // SAMPLE_RATE
        yield Pcm(samples[at : at + CHUNK_SAMPLES], capture_us, number)


def observe(samples: Samples, *, live: bool = False) -> list[Observation]:
    """What the analyzer says of a recording; times start at 0. With ``live`` unfinished
    utterances are transcribed too, as for a candidate who watches."""
    analyzer = VoiceAnalyzer(Inline(partials=live))
    found = [seen for pcm in chunks(samples) for seen in analyzer.analyze(pcm)]
    return [*found, *analyzer.finish()]
