"""Whether a TURN server relays, asked before any session depends on it."""

from __future__ import annotations

import asyncio

from aioice import stun, turn
from aiortc import RTCIceServer
from aiortc.rtcicetransport import parse_stun_turn_uri

TIMEOUT_S = 6.0


class TurnError(RuntimeError):
    """The server gives no relay; says which server and why."""


async def check(server: RTCIceServer) -> None:
    """Allocates a relay and lets it go. STUN servers are not asked. Raises TurnError."""
    url = str(server.urls)
    try:
        parsed = parse_stun_turn_uri(url)
    except ValueError as error:
        raise TurnError(f"{url}: is no TURN URL; write turn:HOST:PORT") from error
    if not parsed["scheme"].startswith("turn"):
        return
    try:
        async with asyncio.timeout(TIMEOUT_S):
            transport, _ = await turn.create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=(parsed["host"], parsed["port"]),
                username=server.username or "",
                password=server.credential or "",
                ssl=parsed["scheme"] == "turns",
                transport=parsed["transport"],
            )
    except stun.TransactionFailed as error:
        code, reason = error.response.attributes.get("ERROR-CODE", (0, "no reason"))
        raise TurnError(
            f"{url}: refuses a relay ({code} {reason}): are user name and credential right?"
        ) from error
    except (TimeoutError, stun.TransactionTimeout, OSError) as error:
        raise TurnError(
            f"{url}: does not answer: is the address right, and the port open from here?"
        ) from error
    transport.close()
