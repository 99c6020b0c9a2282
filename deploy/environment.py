"""Settings as the environment has them, with words for people where it has them wrong."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

Settings = TypeVar("Settings", bound=BaseSettings)


class SettingsError(ValueError):
    """A variable holds what it can't; the message names each such variable."""


def read(kind: type[Settings], **given: Any) -> Settings:
    """What is `given` need not stand in the environment. Raises SettingsError."""
    try:
        return kind(**given)
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        words = [
            f"{prefix}{'_'.join(str(part) for part in wrong['loc']).upper()}="
            f"{wrong['input']}: {wrong['msg']}"
            for wrong in error.errors()
        ]
        raise SettingsError("; ".join(words)) from error
