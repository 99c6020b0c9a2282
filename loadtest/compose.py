"""A demo recording out of what registry packages ship, for where no real one is at hand.

A public-domain photograph (scikit-image's astronaut), slowly moved as by a breathing
sitter, and read speech out of the moonshine-voice wheel, fetched at set-up.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from loadtest.recording import FPS, OPUS_RATE, RecordingError, caching
from services.runtime import models

WIDTH, HEIGHT = 640, 480
SWAY_PIXELS, SWAY_S = 6.0, 4.0
"""How far and how slowly a sitter moves; the second harmonic keeps it from being a circle."""


def composed(cache: Path) -> Path:
    """The recording's path; made on the first call. Raises RecordingError for a missing part."""
    target = cache / "composed-demo-v1.mkv"
    if not target.exists():
        with caching(cache) as directory:
            part = directory / "part.mkv"
            _compose(_speech(), part)
            part.rename(target)
    return target


def _speech() -> Path:
    try:
        return models.path("voice", "speech_two_cities")
    except models.ModelError as error:
        raise RecordingError(str(error)) from error


def _photograph() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        import skimage.data
    except ImportError as error:
        raise RecordingError(
            "composing a recording needs scikit-image's photograph: give a recording, or "
            "pip install scikit-image"
        ) from error
    return np.asarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]


def _compose(speech: Path, target: Path) -> None:
    bordered = cv2.copyMakeBorder(_photograph(), 0, 0, 64, 64, cv2.BORDER_REPLICATE)
    canvas = np.asarray(bordered, np.uint8)
    with av.open(str(speech)) as source, av.open(str(target), "w") as sink:
        video = sink.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = 4_000_000
        sound = sink.add_stream("pcm_s16le", rate=OPUS_RATE, layout="mono")
        resampler = av.AudioResampler("s16", "mono", OPUS_RATE)
        samples = pictures = 0
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = samples, Fraction(1, OPUS_RATE)
                samples += piece.samples
                sink.mux(sound.encode(piece))
            while pictures < samples / OPUS_RATE * FPS:
                picture = av.VideoFrame.from_ndarray(_moved(canvas, pictures / FPS), "rgb24")
                picture.pts, picture.time_base = pictures, Fraction(1, FPS)
                pictures += 1
                sink.mux(video.encode(picture))
        sink.mux(video.encode(None))
        sink.mux(sound.encode(None))


def _moved(
    canvas: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], time_s: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    phase = 2 * math.pi * time_s / SWAY_S
    x = SWAY_PIXELS * math.sin(phase)
    y = SWAY_PIXELS / 2 * math.sin(2 * phase)
    matrix = np.array([[1, 0, x], [0, 1, y - 8]], np.float64)
    moved = cv2.warpAffine(canvas, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(moved, np.uint8)
