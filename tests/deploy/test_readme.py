"""The README's tables are what the code says."""

from pathlib import Path

import pytest

from deploy import licences
from deploy.readme import README, filled
from deploy.settings import PROCESSES, table


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
    """Its name, or the first part of it, is the card's; each says where the weights are from."""
    models = list(licences.listed())
    assert {service for service, _, _ in models} >= {"face", "gesture", "voice", "answers"}
    for service, name, entry in models:
        text = licences.card(service, name).read_text()
        assert not entry.package or entry.package.partition("==")[0] in text, name


def test_a_model_without_a_card_is_named() -> None:
    with pytest.raises(LookupError, match=r"voice/models has no card nothing\.md"):
        licences.card("voice", "nothing")
