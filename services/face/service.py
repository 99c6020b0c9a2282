"""The face service's wiring."""

import cv2
from greenroom.v1.common_pb2 import Kind

from services.face.analyzer import FaceAnalyzer
from services.runtime import worker
from services.runtime.sources import VideoSource


def main() -> None:
    cv2.setNumThreads(1)  # waking a second thread for a crop costs 8% of the process's CPU time
    worker.run_media(Kind.KIND_FACE, FaceAnalyzer, VideoSource())
