"""TCP ports of this machine: which is free, whether something listens."""

from __future__ import annotations

import socket

PATIENCE_S = 0.2


def free_port() -> int:
    """One that nothing holds at the moment, out of the ephemeral range."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(PATIENCE_S)
        return probe.connect_ex((host, port)) == 0


def reachable(host: str) -> str:
    """An address at which this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
