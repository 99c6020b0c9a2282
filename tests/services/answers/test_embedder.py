import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.answers.embedder import CACHE, SIZE, Embedder


def test_vectors_are_of_length_one_and_near_for_like_texts(embed: Embedder) -> None:
    vectors = embed(["I led a team of five.", "I managed five people.", "The soup was cold."])
    assert vectors.shape == (3, SIZE)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.5 > 0.2 > likeness[0, 2]


def test_a_text_means_the_same_alone_and_among_longer_ones(embed: Embedder) -> None:
    """int8 scales are chosen by batch, hence the room."""
    alone = Embedder()(["It failed."])[0]
    among = Embedder()(["It failed.", "It failed because nobody had tried it. " * 6])[0]
    assert float(alone @ among) > 0.98


def test_nothing_gives_no_vectors(embed: Embedder) -> None:
    assert embed([]).shape == (0, SIZE)


def test_what_is_kept_is_bounded() -> None:
    fresh = Embedder()
    for start in range(0, CACHE + 200, 100):
        fresh([str(number) for number in range(start, start + 100)])
    assert len(fresh._known) <= CACHE


def test_two_texts_joined_are_near_the_text_of_both(embed: Embedder) -> None:
    first, second, both = embed.encode(
        ["We lost the data.", "I restored it.", "We lost the data. I restored it."]
    )
    joined = first + second
    assert joined.ids.tolist() == both.ids.tolist()
    assert float(joined.vector @ both.vector) > 0.8


@settings(max_examples=30)
@given(st.lists(st.text(max_size=600), max_size=4))
def test_any_text_has_a_finite_vector(texts: list[str]) -> None:
    vectors = SHARED(texts)
    assert vectors.shape == (len(texts), SIZE)
    assert np.isfinite(vectors).all()


SHARED = Embedder()
