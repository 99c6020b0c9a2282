"""The delivery model in the repository is the one that the weights' table gives."""

import hashlib

import pytest

from services.runtime.measures import MEASURES
from services.runtime.models import folder, manifest
from training.fusion.weights import INPUTS, MODALITY, OWN_SHARE, SCORES, WEIGHTS

onnx = pytest.importorskip("onnx", reason="the training packages are not installed")


def test_the_model_is_fresh() -> None:
    """When this fails: python -m training.fusion.train."""
    from training.fusion.train import build

    built = build()
    assert built == build()
    assert (folder("aggregator") / "delivery.onnx").read_bytes() == built
    assert manifest("aggregator")["delivery"].sha256 == hashlib.sha256(built).hexdigest()


def test_the_card_s_table_is_fresh() -> None:
    from training.fusion.train import card

    text = (folder("aggregator") / "delivery.md").read_text()
    assert card(text) == text
    with pytest.raises(ValueError, match="marks"):
        card("# no table")


def test_all_parts_of_a_score_together_make_fifty_points() -> None:
    from training.fusion.train import points

    for score, parts in WEIGHTS.items():
        assert sum(points(score, part) for part in parts) == pytest.approx(50)


def test_the_table_is_whole() -> None:
    assert set(OWN_SHARE) == set(SCORES) == set(WEIGHTS)
    assert all(0 <= share <= 1 for share in OWN_SHARE.values())
    for parts in WEIGHTS.values():
        assert len({part.measure for part in parts}) == len(parts)
        assert all(part.weight > 0 and part.worst != part.best for part in parts)
        assert all(part.measure in MEASURES for part in parts)


def test_every_input_belongs_to_one_modality() -> None:
    listed = [measure for measures in MODALITY.values() for measure in measures]
    assert sorted(listed) == list(INPUTS)
