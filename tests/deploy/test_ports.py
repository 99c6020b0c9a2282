"""Ports, on this machine's own sockets."""

import socket

from deploy.ports import free_port, listens


def test_a_port_before_and_while_something_listens() -> None:
    port = free_port()
    assert not listens(port)
    with socket.create_server(("127.0.0.1", port)):
        assert listens(port)
    assert not listens(port)
