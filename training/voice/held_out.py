"""What networks that were not trained on a recording say of it.

The shipped networks are trained on all recordings there are. Each of these is also heard by
networks that were trained on the others; training writes that down here, so that a figure for
a recording that was trained on is never a figure of the network that knows it.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

FILE = Path(__file__).with_name("held_out.json")


class Held(BaseModel):
    """One recording, times in seconds."""

    model_config = ConfigDict(frozen=True)

    filled_pauses: list[tuple[float, float]]
    words: list[tuple[str, float]]
    """Each word as transcribed, with its start."""


_RECORDINGS = TypeAdapter(dict[str, Held])


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _known() -> dict[str, Held]:
    return _RECORDINGS.validate_json(FILE.read_bytes()) if FILE.exists() else {}


def of(path: Path) -> Held | None:
    """None for a recording that was not trained on."""
    return _known().get(fingerprint(path))


def write(held: dict[str, Held]) -> None:
    plain = _RECORDINGS.dump_python(held, mode="json")
    FILE.write_text(json.dumps(plain, sort_keys=True, indent=0) + "\n", encoding="utf-8")
    _known.cache_clear()
