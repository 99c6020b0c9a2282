"""Nothing personal in logs."""

import json

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


def test_no_trace_no_headers() -> None:
    assert telemetry.trace_headers() is None
