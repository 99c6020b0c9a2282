"""Every setting of every process in one table, as the README shows it."""

from __future__ import annotations

from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from deploy.supervisor import SystemSettings
from gateway.settings import GatewaySettings
from services.aggregator.settings import AggregatorSettings
from services.runtime.settings import RuntimeSettings, WorkerSettings

PREFIX = "GREENROOM_"

PROCESSES: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("every process", RuntimeSettings),
    ("face, gesture, voice, answers, aggregator", WorkerSettings),
    ("aggregator", AggregatorSettings),
    ("gateway", GatewaySettings),
    ("`make run`", SystemSettings),
)
"""From the general to the particular: a setting is listed where it comes first."""


def table() -> str:
    """Markdown: name, default, read by, what it does."""
    lines = ["| variable | default | read by | what it does |", "| --- | --- | --- | --- |"]
    listed: set[str] = set()
    for process, settings in PROCESSES:
        for name, field in settings.model_fields.items():
            if name in listed:
                continue
            listed.add(name)
            default = _default(field.default)
            lines.append(
                f"| `{PREFIX}{name.upper()}` | {default} | {process} | {field.description} |"
            )
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    """As it would stand in the environment; nothing for what is unset or depends on the host."""
    if value is PydanticUndefined or value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    return f"`{value}`".replace(str(Path.home()), "~")
