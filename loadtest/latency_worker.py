"""The analysis of ``make bench-latency``: a worker of the services' own runtime whose
analyzer says which frame it saw, after as much work as it is told to do."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterable

import numpy as np
from greenroom.v1.common_pb2 import Kind
from greenroom.v1.signals_pb2 import TranscriptSegment

from loadtest.burn import read_number
from services.runtime import worker
from services.runtime.analyzer import Observation
from services.runtime.media import Frame
from services.runtime.sources import VideoSource

KIND = Kind.KIND_GESTURE
"""Any kind with frames for its media: the gateway passes nothing of this one on to pages."""


class FrameReader:
    """Reads the number burnt into a picture: a text of one number."""

    def __init__(self, work_s: float) -> None:
        """work_s: what a frame costs beyond the reading."""
        self._work_s = work_s

    def analyze(self, item: Frame) -> Iterable[Observation]:
        until = time.perf_counter() + self._work_s
        number = read_number(item.image[:, :, 1])  # the blocks are grey: any channel will do
        data = np.ascontiguousarray(item.image).data
        while time.perf_counter() < until:
            hashlib.sha256(data).digest()  # as a model does: on a core, and not under the GIL
        if number is not None:
            body = TranscriptSegment(utterance=number)
            yield Observation(body, item.capture_us, item.capture_us, 1.0)

    def finish(self) -> Iterable[Observation]:
        return ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-ms", type=float, required=True)
    work_s = parser.parse_args().work_ms / 1000
    worker.run_media(KIND, lambda: FrameReader(work_s), VideoSource())


if __name__ == "__main__":
    main()
