"""What hints a recording should bring: a YAML file beside it, NAME.expected.yaml.

    hints:
      - {trigger: look_up, from_s: 12, to_s: 25}
    never: [slow_down, speak_up]

Times are seconds of the session, counted from the first question.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from loadtest.recording import RecordingError


class Expected(BaseModel):
    """One hint that must come."""

    model_config = ConfigDict(extra="forbid")

    trigger: str
    from_s: float
    to_s: float

    def matches(self, trigger: str, at_s: float) -> bool:
        return trigger == self.trigger and self.from_s <= at_s <= self.to_s


class Expectation(BaseModel):
    """All that is known of a recording's hints."""

    model_config = ConfigDict(extra="forbid")

    hints: list[Expected] = []
    never: list[str] = []

    def count(self, heard: list[tuple[str, float]]) -> tuple[int, int]:
        """(expected hints that came, hints that must not come but did) of (trigger, seconds)."""
        found = sum(any(want.matches(*hint) for hint in heard) for want in self.hints)
        wrong = sum(trigger in self.never for trigger, _ in heard)
        return found, wrong


def beside(recording: Path) -> Expectation | None:
    """None where there is no such file. Raises RecordingError for one that can't be read."""
    path = recording.with_name(f"{recording.stem}.expected.yaml")
    if not path.is_file():
        return None
    try:
        content: Any = yaml.safe_load(path.read_bytes())
        return Expectation.model_validate(content)
    except OSError as error:
        raise RecordingError(f"{path}: can't be read ({error.strerror})") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise RecordingError(f"{path}: does not say what hints to expect ({error})") from error
