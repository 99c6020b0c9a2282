"""``python -m gateway``: the gateway as a process."""

from __future__ import annotations

import uvicorn

from gateway.app import create_app
from gateway.settings import GatewaySettings
from services.runtime.telemetry import configure_logging

STOP_GRACE_S = 3
"""Requests under way (event streams, above all) may last this long after SIGTERM."""


def main() -> None:
    settings = GatewaySettings()
    configure_logging(settings, "gateway")
    uvicorn.run(
        create_app(settings),
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,  # paths name sessions
        timeout_graceful_shutdown=STOP_GRACE_S,
    )


if __name__ == "__main__":
    main()
