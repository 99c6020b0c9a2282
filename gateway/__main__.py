"""``python -m gateway``: the gateway as a process."""

from __future__ import annotations

import socket

import uvicorn

from gateway.app import create_app
from gateway.settings import GatewaySettings
from services.runtime import process, scheduling
from services.runtime.telemetry import configure_logging, serve_metrics

STOP_GRACE_S = 3
"""Requests under way (event streams, above all) may last this long after SIGTERM."""

KEEP_ALIVE_S = 75
"""How long a connection may be idle: longer than clients (httpx, and so gateways among each other:
5 s) and balancers (nginx, AWS: 60 s) keep theirs. Who closes first must be the one that asks: a
request that goes out just as the connection closes is lost."""


def listen(host: str, port: int, *, share: bool = False) -> socket.socket:
    """Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, reuse_port=share)


def main() -> None:
    settings = GatewaySettings()
    configure_logging(settings, "gateway")
    serve_metrics(settings)
    public = listen(settings.http_host, settings.http_port, share=settings.share_port)
    private = listen(settings.peer_host, settings.peer_port)
    host = f"[{settings.peer_host}]" if ":" in settings.peer_host else settings.peer_host
    app = create_app(settings, f"http://{host}:{private.getsockname()[1]}")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # paths name sessions
        timeout_graceful_shutdown=STOP_GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    scheduling.be_prompt()
    process.keep_what_is_loaded()
    uvicorn.Server(config).run(sockets=[public, private])


if __name__ == "__main__":
    main()
