import numpy as np

from services.answers.embedder import Embedder
from services.answers.pairs import CORRECT, Pairs


def test_each_stretch_is_judged_against_each_point(embed: Embedder) -> None:
    said = embed.encode(
        [
            "The water evaporated and left the salt.",
            "He was tired.",
            "Heat took it off.",
        ]
    )
    points = embed.encode(["The water was evaporated, leaving the salt.", "It was filtered."])
    question = embed.encode(["How did you separate the salt from the water?"])[0]
    found = Pairs()(said, points, question)
    assert found.shape == (3, 2, 3)
    np.testing.assert_allclose(found.sum(2), 1, atol=1e-5)
    assert found[0, 0, CORRECT] > 0.5
    assert found[1, 0, CORRECT] < 0.3
    assert found[0, 0, CORRECT] > found[0, 1, CORRECT]


def test_a_pair_is_judged_alike_alone_and_among_longer_ones(embed: Embedder) -> None:
    short, long = embed.encode(["It evaporated.", "It evaporated because we heated it. " * 5])
    point, question = embed.encode(["The water evaporated.", "Where did the water go?"])
    pairs = Pairs()
    alone = pairs([short], [point], question)[0]
    among = pairs([short, long], [point, long], question)[0, :1]
    np.testing.assert_allclose(alone, among, atol=1e-4)


def test_texts_without_words_are_judged_too(embed: Embedder) -> None:
    empty, point, question = embed.encode(["", "The water evaporated.", "Where did it go?"])
    found = Pairs()([empty], [point, empty], question)
    assert np.isfinite(found).all()


def test_nothing_to_judge(embed: Embedder) -> None:
    question = embed.encode(["Why?"])[0]
    assert Pairs()([], [question], question).shape == (0, 1, 3)
    assert Pairs()([question], [], question).shape == (1, 0, 3)
