"""The answers service's wiring."""

from greenroom.v1.common_pb2 import Kind

from services.answers.analyzer import AnswersAnalyzer
from services.runtime import worker


def main() -> None:
    worker.run_text(Kind.KIND_ANSWERS, AnswersAnalyzer)
