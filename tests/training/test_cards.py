"""A card's figures are the rows that it names, and nothing else in it is touched."""

from pathlib import Path

import pytest

from services.runtime.models import SERVICES
from training import cards
from training.results import Row

ROWS = [
    Row(area="voice", metric="filled pauses, event F1", value=0.91, low=0.7, high=0.95, n=22),
    Row(area="voice", metric="pitch, gross errors", value=0.01, slice="women"),
    Row(area="fusion", metric="ablation, voice", value=0.5),
]


def card(folder: Path, markers: str, area: str = "voice") -> Path:
    path = folder / area / "models" / "head.md"
    path.parent.mkdir(parents=True)
    path.write_text(f"# Head\n\n- **What**: a head.\n{markers}\n- **Limits**: many.\n")
    return path


def test_the_rows_a_card_names_stand_between_its_markers(tmp_path: Path) -> None:
    path = card(tmp_path, "<!-- figures:begin filled pauses -->\nold\n<!-- figures:end -->")
    assert cards.update(path, ROWS, "Measured today.")
    text = path.read_text()
    assert "| filled pauses, event F1 | all | 0.910 | 0.700 to 0.950 | 22 |" in text
    assert "Measured today." in text
    assert "old" not in text
    assert "pitch" not in text
    assert text.startswith("# Head\n\n- **What**: a head.\n")
    assert text.endswith("\n- **Limits**: many.\n")
    cards.update(path, ROWS, "Measured today.")
    assert path.read_text() == text


def test_rows_of_another_area_are_named_with_it(tmp_path: Path) -> None:
    markers = "<!-- figures:begin pitch; fusion: ablation -->\n<!-- figures:end -->"
    path = card(tmp_path, markers)
    cards.update(path, ROWS, "")
    assert "pitch, gross errors | women" in path.read_text()
    assert "ablation, voice" in path.read_text()


def test_the_aggregator_is_the_area_fusion(tmp_path: Path) -> None:
    markers = "<!-- figures:begin ablation -->\n<!-- figures:end -->"
    path = card(tmp_path, markers, "aggregator")
    cards.update(path, ROWS, "")
    assert "ablation, voice" in path.read_text()


def test_an_area_that_did_not_run_keeps_its_figures(tmp_path: Path) -> None:
    path = card(tmp_path, "<!-- figures:begin blinks -->\nold\n<!-- figures:end -->", "face")
    assert cards.update(path, ROWS, "")
    assert "old" in path.read_text()


def test_a_card_without_markers_is_left_alone(tmp_path: Path) -> None:
    path = card(tmp_path, "No figures.")
    before = path.read_text()
    assert not cards.update(path, ROWS, "")
    assert path.read_text() == before


@pytest.mark.parametrize(
    "markers",
    [
        "<!-- figures:begin breaths -->\n<!-- figures:end -->",
        "<!-- figures:begin pitch -->\n",
        "<!-- figures:begin -->\n<!-- figures:end -->",
    ],
)
def test_a_card_that_is_not_in_order_is_told(tmp_path: Path, markers: str) -> None:
    path = card(tmp_path, markers)
    before = path.read_text()
    with pytest.raises(cards.CardError, match=r"head\.md"):
        cards.update(path, ROWS, "")
    assert path.read_text() == before


def test_every_shipped_card_is_found() -> None:
    assert {path.parent.parent.name for path in cards.cards()} >= {"face", "voice"}
    assert all(path.is_relative_to(SERVICES) for path in cards.cards())
