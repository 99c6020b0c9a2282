"""What networks that were not trained on a recording say of it.

The shipped networks are trained on all recordings there are. Each of these is also heard by
networks that were trained on the others; training writes that down here, so that a figure for
a recording that was trained on is never a figure of the network that knows it.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

FILE = Path(__file__).with_name("held_out.json")


class Held(BaseModel):
    """One recording, times in seconds."""

    model_config = ConfigDict(frozen=True)

    filled_pauses: list[tuple[float, float]] | None = None
    words: list[tuple[str, float]] | None = None
    """Each word as transcribed, with its start. None: not heard by such a network."""


_RECORDINGS = TypeAdapter(dict[str, Held])


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _known() -> dict[str, Held]:
    return _RECORDINGS.validate_json(FILE.read_bytes()) if FILE.exists() else {}


def of(path: Path) -> Held | None:
    """None for a recording that was not trained on."""
    return _known().get(fingerprint(path))


def write(heard: dict[str, Held], what: Literal["filled_pauses", "words"]) -> None:
    """Note one part of what was heard; the other part stays as it was."""
    known = _known()
    noted = {
        name: known.get(name, Held()).model_copy(update={what: getattr(held, what)})
        for name, held in heard.items()
    }
    plain = _RECORDINGS.dump_python(noted, mode="json")
    FILE.write_text(json.dumps(plain, sort_keys=True) + "\n", encoding="utf-8")
    _known.cache_clear()
