"""Opus straight to 16 kHz mono, with in-band FEC and concealment (RFC 6716).

FFmpeg's decoders offer neither FEC nor PLC, so this calls libopus itself: the copy
that PyAV's wheel brings, or the system's.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from services.runtime.media import SAMPLE_RATE

PACKET_SAMPLES = SAMPLE_RATE // 50
"""20 ms, what WebRTC clients send by default."""

MAX_PACKET_SAMPLES = SAMPLE_RATE * 120 // 1000
"""An Opus packet holds 120 ms at most."""

OPUS_OK = 0


class OpusError(RuntimeError):
    """libopus is missing, or refused a packet."""


@cache
def library() -> ctypes.CDLL:
    """libopus. Raises OpusError when there is none."""
    bundled = Path(av.__file__).parent.parent / "av.libs"
    found = [str(path) for path in sorted(bundled.glob("libopus*.so*"))]
    if system := ctypes.util.find_library("opus"):
        found.append(system)
    for name in found:
        try:
            opus = ctypes.CDLL(name)
        except OSError:
            continue
        opus.opus_decoder_create.restype = ctypes.c_void_p
        opus.opus_decoder_create.argtypes = [
            ctypes.c_int32,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_int),
        ]
        opus.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
        opus.opus_decoder_destroy.restype = None
        opus.opus_decode.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int32,
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_int,
        ]
        opus.opus_decode.restype = ctypes.c_int
        return opus
    raise OpusError("libopus is missing: reinstall PyAV's wheel or install the system's libopus")


class OpusDecoder:
    """One stream's decoder. Not for several threads at once."""

    def __init__(self) -> None:
        self._library = library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        if error.value != OPUS_OK or not self._state:
            raise OpusError(f"opus_decoder_create failed: {error.value}")
        self._buffer = np.zeros(MAX_PACKET_SAMPLES, np.int16)
        self._address: int = self._buffer.ctypes.data

    def decode(self, packet: bytes) -> npt.NDArray[np.int16]:
        """[n] samples of a packet that arrived. Raises OpusError on a corrupt one.

        packet: not empty, which to libopus would be a lost one.
        """
        return self._decode(packet, MAX_PACKET_SAMPLES, fec=False)

    def recover(self, next_packet: bytes, samples: int) -> npt.NDArray[np.int16]:
        """The lost packet before `next_packet`, by its in-band FEC (or PLC if it has none)."""
        return self._decode(next_packet, samples, fec=True)

    def conceal(self, samples: int) -> npt.NDArray[np.int16]:
        """[samples] of packet loss concealment."""
        return self._decode(None, samples, fec=False)

    def _decode(self, packet: bytes | None, samples: int, *, fec: bool) -> npt.NDArray[np.int16]:
        if not self._state:
            raise OpusError("the decoder is closed")
        count = self._library.opus_decode(
            self._state,
            packet,
            len(packet) if packet else 0,
            self._address,
            samples,
            int(fec),
        )
        if count < 0:
            raise OpusError(f"opus_decode failed: {count}")
        return self._buffer[:count].copy()

    def close(self) -> None:
        if self._state:
            self._library.opus_decoder_destroy(self._state)
            self._state = None
