"""Settings are read from the environment and say what is wrong."""

import socket

import pytest
from pydantic import ValidationError

from services.runtime.settings import RuntimeSettings, WorkerSettings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_NATS_URL", "nats://one:4222, nats://two:4222")
    monkeypatch.setenv("GREENROOM_AFFECT", "off")
    settings = RuntimeSettings()
    assert settings.nats_servers == ["nats://one:4222", "nats://two:4222"]
    assert settings.affect is False


def test_a_worker_is_named_after_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "coach-1.example.org")
    assert WorkerSettings().worker_name == "coach-1-example-org"


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", "a>"])
def test_a_worker_name_must_fit_a_subject(name: str) -> None:
    with pytest.raises(ValidationError, match="may not be empty"):
        WorkerSettings(worker_name=name)
