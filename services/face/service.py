"""The face service's wiring."""

from greenroom.v1.common_pb2 import Kind

from services.face.analyzer import FaceAnalyzer
from services.runtime import worker
from services.runtime.sources import VideoSource


def main() -> None:
    worker.run_media(Kind.KIND_FACE, FaceAnalyzer, VideoSource())
