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


def listens(port: int) -> bool:
    """Whether something accepts connections there on 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(PATIENCE_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0
