"""What the analyzers' tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.runtime.analyzer import Analyzer, Observation
from services.runtime.media import Frame
from training.face.dataset import frames


@pytest.fixture
def watch() -> Callable[..., list[Observation]]:
    """watch(analyzer, path, every, last): all that an analyzer says of a recording, of which it
    sees every so manyth frame, at most `last` of them."""

    def watched(
        analyzer: Analyzer[Frame], path: Path, every: int, last: int = 10_000
    ) -> list[Observation]:
        found: list[Observation] = []
        for number, (image, time_us) in enumerate(frames(path, every)):
            if number == last:
                break
            found += analyzer.analyze(Frame(image, time_us, number))
        return [*found, *analyzer.finish()]

    return watched
