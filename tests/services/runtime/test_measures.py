"""The measures and the document that is made of them."""

import pytest

from services.runtime.measures import DOCUMENT, MEASURES, document, usual


def test_the_document_is_fresh() -> None:
    """When this fails: python -m services.runtime.measures."""
    assert DOCUMENT.read_text() == document()


def test_the_document_has_a_line_for_every_measure() -> None:
    rows = [line for line in document().splitlines() if line.startswith("| `")]
    assert len(rows) == len(MEASURES)
    assert all(line.count("|") == 8 for line in rows)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_says_what_it_is(name: str) -> None:
    measure = MEASURES[name]
    assert measure.name
    assert measure.formula
    assert measure.low is None or measure.high is None or measure.low < measure.high


def test_usual_ranges() -> None:
    assert usual(MEASURES["speech_rate"]) == "110 to 180"
    assert usual(MEASURES["fidgeting"]) == "15 or less"
    assert usual(MEASURES["mean_run"]) == "5 or more"
    assert usual(MEASURES["nods"]) == ""
