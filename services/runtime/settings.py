"""Settings that every process shares, read from GREENROOM_* environment variables."""

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Base of every process's settings; a process adds its own fields in a subclass."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_", extra="ignore")

    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers, comma separated")
    nats_credentials: Path | None = Field(
        None, description="NATS .creds file, for a secured cluster"
    )
    stream_max_age_hours: float = Field(
        24.0, gt=0, description="how long the live stream keeps a session's signals"
    )
    stream_max_bytes: int = Field(
        2 * 1024**3, ge=16 * 1024**2, description="size bound of the live stream, in bytes"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least severe log line that is written"
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="log lines for machines or people"
    )
    bind: str = Field("127.0.0.1", description="address that gRPC and metrics listen on")
    grpc_port: int = Field(
        0, ge=0, le=65535, description="gRPC and health port; 0 takes a free one"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="Prometheus port; 0 serves none")
    affect: bool = Field(True, description="off removes stress and confidence scores everywhere")

    @property
    def nats_servers(self) -> list[str]:
        return [url.strip() for url in self.nats_url.split(",") if url.strip()]


class WorkerSettings(RuntimeSettings):
    """An analyzer's or an aggregator's process."""

    worker_name: str = Field(
        default_factory=lambda: socket.gethostname().replace(".", "-"),
        description="stable name of this worker (a pod's name), no two of a kind alike; a restart "
        "under the same name takes its sessions back at once",
    )
    worker_capacity: int = Field(
        16, ge=1, description="sessions above which this worker asks for no more"
    )

    @field_validator("worker_name")
    @classmethod
    def _is_token(cls, value: str) -> str:
        """The name becomes part of a NATS subject."""
        if not value or any(c in value for c in " .*>\t"):
            raise ValueError("may not be empty or hold spaces, dots, * or >")
        return value
