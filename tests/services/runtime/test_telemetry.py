"""Nothing personal in logs."""

import json
import logging

import pytest
import structlog

from services.runtime import telemetry
from services.runtime.settings import RuntimeSettings


@pytest.mark.parametrize("field", sorted(telemetry.PERSONAL))
def test_a_personal_field_never_reaches_the_log(
    field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure_logging(RuntimeSettings(), "test")
    structlog.get_logger("test").info("something happened", **{field: "Her secret", "n": 1})
    line = capsys.readouterr().err
    assert "Her secret" not in line
    assert json.loads(line)["n"] == 1


@pytest.mark.parametrize("library", ["sse_starlette.sse", "aiosqlite", "httpcore.http11"])
def test_what_libraries_say_of_people_at_debug_is_not_logged(
    library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure_logging(RuntimeSettings(log_level="DEBUG"), "test")
    logging.getLogger(library).debug("chunk: %s", "her secret")
    logging.getLogger("greenroom").debug("ours")
    said = capsys.readouterr().err
    assert "her secret" not in said
    assert "ours" in said


def test_no_trace_no_headers() -> None:
    assert telemetry.trace_headers() is None
