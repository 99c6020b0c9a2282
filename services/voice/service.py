"""The voice service: the analyzer on a worker."""

from greenroom.v1.common_pb2 import Kind

from services.runtime import worker
from services.runtime.sources import AudioSource
from services.voice.analyzer import VoiceAnalyzer


def main() -> None:
    worker.run_media(Kind.KIND_VOICE, VoiceAnalyzer, AudioSource())
