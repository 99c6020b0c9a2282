"""The README's tables are what the code says."""

from pathlib import Path

import pytest

from deploy.readme import README, filled
from deploy.settings import PROCESSES, table
from services.runtime.models import SERVICES, manifest


def test_the_tables_are_fresh() -> None:
    """When this fails: python -m deploy.readme."""
    text = README.read_text()
    assert filled(text) == text


def test_a_missing_mark_is_named() -> None:
    with pytest.raises(ValueError, match="settings"):
        filled("# Greenroom")


def test_every_setting_says_what_it_does() -> None:
    for _, settings in PROCESSES:
        for name, field in settings.model_fields.items():
            assert field.description, name


def test_no_home_folder_stands_in_the_table() -> None:
    assert str(Path.home()) not in table()


def test_every_model_has_a_card() -> None:
    """Its name, or the first part of it, is the card's."""
    for listing in SERVICES.glob("*/models/manifest.toml"):
        service = listing.parent.parent.name
        cards = {card.stem for card in listing.parent.glob("*.md")}
        for name, entry in manifest(service).items():
            if entry.file.startswith("..") or not entry.file.endswith((".onnx", ".ort")):
                continue
            assert any(card.startswith(name) or name.startswith(card) for card in cards), name
