"""Figures from a Prometheus: what is said when it is not there."""

import pytest

from loadtest import prometheus


def test_nobody_answers() -> None:
    with pytest.raises(prometheus.PrometheusError, match=r"127\.0\.0\.1:9"):
        prometheus.ask("http://127.0.0.1:9", 30)


@pytest.mark.parametrize("query", prometheus.QUERIES.values(), ids=prometheus.QUERIES)
def test_queries_are_whole(query: str) -> None:
    """Nothing is left to fill in, and every bracket closes."""
    made = query.format(window="60s")
    for opening, closing in ("()", "[]", "{}"):
        assert made.count(opening) == made.count(closing)
    assert "window" not in made
