"""What hints a recording should bring: a YAML file beside it, NAME.expected.yaml.

    hints:
      - {trigger: look_up, from_s: 12, to_s: 25}
    never: [slow_down, speak_up]

Times are seconds of the session, counted from the first question. A trigger that is named here
is judged all through the recording's first pass: outside its windows it is wrong. Of the others,
and of what comes when the recording is sent once more, the file says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from loadtest.recording import RecordingError

BY_SIGHT = frozenset({"look_up", "good_eye_contact", "steady_hands", "hands_down"})
BY_SOUND = frozenset({"silence", "slow_down", "more_pace", "good_pace", "speak_up", "fillers"})
TRIGGERS = BY_SIGHT | BY_SOUND | {"wrap_up"}
"""All that services/aggregator/triggers.py has; the last one goes by the clock."""


def _known(trigger: str) -> str:
    if trigger not in TRIGGERS:
        raise ValueError(f"{trigger} is no trigger; there are: {', '.join(sorted(TRIGGERS))}")
    return trigger


Trigger = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True)
class Judgement:
    """Of the hints that a session brought."""

    expected: int
    """Windows whose end was reached, and those whose hint came sooner."""
    found: int
    judged: int
    """Hints whose trigger the file names."""
    wrong: int
    """Of those judged: outside every window, or one that must not come."""


class Expected(BaseModel):
    """One hint that must come."""

    model_config = ConfigDict(extra="forbid")

    trigger: Trigger
    from_s: float
    to_s: float

    def matches(self, trigger: str, at_s: float) -> bool:
        return trigger == self.trigger and self.from_s <= at_s <= self.to_s


class Expectation(BaseModel):
    """All that is known of a recording's hints."""

    model_config = ConfigDict(extra="forbid")

    hints: list[Expected] = []
    never: list[Trigger] = []

    def judge(self, heard: list[tuple[str, float]], length_s: float) -> Judgement:
        """heard: (trigger, seconds from the first question). length_s: until the end of the session
        or of the recording's first pass: in a later one what a hint rests on is another."""
        heard = [(trigger, at_s) for trigger, at_s in heard if at_s <= length_s]
        came = [any(want.matches(*hint) for hint in heard) for want in self.hints]
        over = [want.to_s <= length_s for want in self.hints]
        named = {want.trigger for want in self.hints} | set(self.never)
        judged = [hint for hint in heard if hint[0] in named]
        right = sum(any(want.matches(*hint) for want in self.hints) for hint in judged)
        return Judgement(
            expected=sum(c or o for c, o in zip(came, over, strict=True)),
            found=sum(came),
            judged=len(judged),
            wrong=len(judged) - right,
        )


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
