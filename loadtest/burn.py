"""Identity burnt into the media itself, so that latency is measured without believing a clock.

Each picture carries its number as black and white blocks along its top edge; the sound
carries a chirp at each whole second, of four shapes by turns. Both are read back from what the
gateway put on the bus: the time between sending and reading is then one clock's, this process's
own.
"""

from __future__ import annotations

import math
from functools import cache

import av
import numpy as np
import numpy.typing as npt
import simplejpeg

NUMBER_BITS, CHECK_BITS = 16, 8
BITS = NUMBER_BITS + CHECK_BITS
BLOCKS_PER_WIDTH = 32
"""A block is a 32nd of the picture's width: 20 px at VGA, which VP8 and JPEG leave legible."""

WHITE, BLACK, GREY = 235, 16, 128
"""Luma of the blocks (limited range, ITU-R BT.601), and chroma without colour."""

CHIRP_S = 0.04
CHIRP_LOW_HZ, CHIRP_HIGH_HZ = 2_000.0, 5_000.0
CHIRPS = 4
"""Shapes that take turns: up, down, up and down, down and up. A latency is known up to as many
seconds; they are no more like each other than speech is like them."""

CHIRP_AMPLITUDE = 0.3
CHIRP_EVERY_S = 1
FOUND = 0.5
"""Normalized correlation with the chirp; speech stays under 0.2."""

FLATTENING = 2
"""Differences taken before correlating: 12 dB an octave, against speech's low tones."""

Gray = npt.NDArray[np.uint8]


def _bits(number: int) -> list[int]:
    number %= 1 << NUMBER_BITS
    word = number << CHECK_BITS | _check(number)
    return [word >> shift & 1 for shift in reversed(range(BITS))]


def _check(number: int) -> int:
    """Of a 16-bit number: eight bits that no grey, black or white row has by chance."""
    return (number * 0x9E37 >> 7 ^ number >> 3 ^ 0xA5) & 0xFF


def picture(frame: av.VideoFrame, number: int) -> av.VideoFrame:
    """A yuv420p frame with its number burnt in."""
    planes = frame.to_ndarray(format="yuv420p")
    height, width = frame.height, frame.width
    edges = [round(place * width / BLOCKS_PER_WIDTH) for place in range(BITS + 1)]
    for place, bit in enumerate(_bits(number)):
        planes[: edges[1], edges[place] : edges[place + 1]] = WHITE if bit else BLACK
    # The chroma planes follow, each half as wide: without colour under the blocks.
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    chroma[:, : edges[1] // 2, : edges[BITS] // 2] = GREY
    return av.VideoFrame.from_ndarray(planes, "yuv420p")


def read_picture(jpeg: bytes) -> int | None:
    """The number in a JPEG of any size; None when it can't be read."""
    return read_number(simplejpeg.decode_jpeg(jpeg, "GRAY")[:, :, 0])


def read_number(grey: Gray) -> int | None:
    """The number in [height, width] of any size; None when it can't be read."""
    block = grey.shape[1] / BLOCKS_PER_WIDTH
    inside = slice(int(block * 0.3), max(int(block * 0.7), int(block * 0.3) + 1))
    word = 0
    for place in range(BITS):
        start = int(place * block)
        value = grey[inside, start + inside.start : start + inside.stop].mean()
        word = word << 1 | int(value > (WHITE + BLACK) / 2)
    number, check = word >> CHECK_BITS, word & (1 << CHECK_BITS) - 1
    return number if check == _check(number) else None


@cache
def _chirp(rate: int, shape: int) -> npt.NDArray[np.float32]:
    time = np.arange(int(CHIRP_S * rate)) / (CHIRP_S * rate)
    tent = 1 - np.abs(1 - 2 * time)
    height = (time, 1 - time, tent, 1 - tent)[shape]
    hertz = CHIRP_LOW_HZ + (CHIRP_HIGH_HZ - CHIRP_LOW_HZ) * height
    phase = 2 * math.pi * np.cumsum(hertz) / rate
    return (np.sin(phase) * np.hanning(len(time))).astype(np.float32)


def sound(frame: av.AudioFrame, position: int) -> av.AudioFrame:
    """s16 mono with the part of a chirp that falls into it; position: of its first sample."""
    rate = frame.sample_rate
    number, within = divmod(position, CHIRP_EVERY_S * rate)
    chirp = _chirp(rate, number % CHIRPS) * CHIRP_AMPLITUDE * 32767
    samples = frame.to_ndarray().astype(np.float32)
    part = chirp[within : within + samples.shape[1]]
    samples[0, : len(part)] += part
    marked = av.AudioFrame.from_ndarray(
        np.clip(samples, -32768, 32767).astype(np.int16), "s16", frame.layout.name
    )
    marked.sample_rate = rate
    return marked


class ChirpFinder:
    """Finds chirps in chunks of sound as they come."""

    def __init__(self, rate: int) -> None:
        shapes = [np.diff(_chirp(rate, shape), n=FLATTENING) for shape in range(CHIRPS)]
        self._shapes = [shape / np.linalg.norm(shape) for shape in shapes]
        self._kept = np.zeros(0, np.float32)
        self._quiet = 0
        self._silence = rate * CHIRP_EVERY_S // 2
        """Samples after a chirp in which no other can be."""

    def add(self, pcm: npt.NDArray[np.int16]) -> int | None:
        """The number, modulo CHIRPS, of the chirp that ended in this chunk."""
        raw = np.concatenate([self._kept, pcm.astype(np.float32)])
        length = len(self._shapes[0])
        self._kept = raw[-(length - 1 + FLATTENING) :]
        heard = np.diff(raw, n=FLATTENING)
        self._quiet = max(0, self._quiet - len(pcm))
        if self._quiet or len(heard) < length:
            return None
        squares = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
        power = squares[length:] - squares[:-length]
        # Not in silence, where anything is like anything.
        scale = (power > length) / np.sqrt(np.maximum(power, 1e-9))
        matches = [np.abs(np.correlate(heard, shape, "valid")) for shape in self._shapes]
        likeness = [float(np.max(match * scale)) for match in matches]
        best = int(np.argmax(likeness))
        if likeness[best] <= FOUND:
            return None
        self._quiet = self._silence
        return best
