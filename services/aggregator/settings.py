"""The aggregator's settings, GREENROOM_* in the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.runtime.settings import WorkerSettings


class AggregatorSettings(WorkerSettings):
    """See the README for the table of all settings."""

    database_url: SecretStr = Field(
        SecretStr("sqlite+aiosqlite:///greenroom.db"),
        description="SQLAlchemy URL: sqlite+aiosqlite:///... or postgresql+asyncpg://...",
    )
