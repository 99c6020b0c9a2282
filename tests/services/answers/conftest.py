"""One real embedder for all tests of the answers: loading it takes longer than they do."""

import pytest

from services.answers.embedder import Embedder


@pytest.fixture(scope="session")
def embed() -> Embedder:
    return Embedder()
