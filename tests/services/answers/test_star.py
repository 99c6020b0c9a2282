from itertools import pairwise

import numpy as np
from greenroom.v1.signals_pb2 import StarResult

from services.answers.embedder import Embedder
from services.answers.star import NONE, decode, star
from tests.services.answers.speaking import GOOD_STORY, say

Part = StarResult.Part


def test_a_story_has_its_parts_in_order(embed: Embedder) -> None:
    results = star(embed, say(GOOD_STORY))
    assert [result.part for result in results] == [
        Part.SITUATION, Part.TASK, Part.ACTION, Part.RESULT,
    ]  # fmt: skip
    assert results[1].span.quote == "My task was to find out why before the summer sale."
    assert "As a result" in results[3].span.quote


def test_spans_do_not_overlap_and_shares_add_up(embed: Embedder) -> None:
    words = say(GOOD_STORY)
    results = star(embed, words)
    for before, after in pairwise(results):
        assert before.span.end_us < after.span.start_us
        assert before.part != after.part
    assert 0 < sum(result.share for result in results) <= 1 + 1e-6
    assert all(0 < result.confidence <= 1 for result in results)


def test_opinions_are_no_story(embed: Embedder) -> None:
    opinions = "I think I am a very good team player. People should always be professional."
    told = {result.part for result in star(embed, say(opinions))}
    assert len(told) < 3


def test_nothing_said_has_no_parts(embed: Embedder) -> None:
    assert star(embed, []) == []


def test_order_decides_between_parts_that_are_alike() -> None:
    """Two sentences that could be anything: the first is rather a situation, the last a result."""
    alike = np.log(np.full((4, NONE + 1), 1 / (NONE + 1)))
    path, confidences = decode(alike, np.array([10, 10, 10, 10]))
    assert path[0] == 0
    assert path[-1] == 3
    assert path == sorted(path)
    assert all(0 < confidence <= 1 for confidence in confidences)


def test_a_sure_head_is_believed() -> None:
    sure = np.full((3, NONE + 1), -12.0)
    sure[[0, 1, 2], [0, 2, NONE]] = 0.0
    assert decode(sure, np.array([8, 8, 8]))[0] == [0, 2, NONE]
