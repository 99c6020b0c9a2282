"""The file of a session captured from the bus: length-prefixed messages, bounded in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from google.protobuf.message import DecodeError
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed
from greenroom.v1.capture_pb2 import Captured, CaptureStarted

VERSION = 1


class CaptureError(ValueError):
    """The file is no capture, or of another version; or the session may not be captured."""


class Writer:
    """Use ``with``. Protobuf types its streams as BytesIO; any binary file will do.

    Only its owner may read the file: it holds a person's picture and voice. An earlier one is
    replaced at the end, and only when something was captured.
    """

    def __init__(self, path: Path) -> None:
        """Raises CaptureError when the file can't be made."""
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        try:
            self._part.unlink(missing_ok=True)
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CaptureError(f"{path}: can't be written ({error.strerror})") from error
        self._file = cast(BytesIO, os.fdopen(descriptor, "wb"))
        self.count = 0
        self.lost = 0
        """Messages that came faster than they could be written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self.count:
            self._part.replace(self._path)
        else:
            self._part.unlink()

    def write(self, message: Captured) -> None:
        serialize_length_prefixed(message, self._file)
        self.count += 1


def read(path: Path) -> tuple[CaptureStarted, list[Captured]]:
    """The beginning and all that followed, in order of time. Raises CaptureError."""
    try:
        with path.open("rb") as file:
            messages = list(_messages(cast(BytesIO, file)))
    except OSError as error:
        raise CaptureError(f"{path}: can't be read ({error.strerror})") from error
    except (DecodeError, ValueError) as error:
        raise CaptureError(f"{path}: is no capture of greenroom record, or cut short") from error
    if not messages or not messages[0].HasField("started"):
        raise CaptureError(f"{path}: is no capture of greenroom record")
    started = messages[0].started
    if started.version != VERSION:
        raise CaptureError(
            f"{path}: has version {started.version}, this Greenroom reads {VERSION}: record it anew"
        )
    return started, sorted(messages[1:], key=lambda message: message.at_us)


def _messages(file: BytesIO) -> Iterator[Captured]:
    while (message := parse_length_prefixed(Captured, file)) is not None:
        yield message
