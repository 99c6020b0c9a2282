"""Ending tasks for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.2
"""A task that has not ended by then is cancelled once more."""


async def end(tasks: Iterable[asyncio.Task[Any]], again_s: float = AGAIN_S) -> None:
    """Cancel tasks and wait until all are done; their errors are not raised.

    Once is not enough: nats-py awaits through `asyncio.wait_for`, which on Python 3.11
    swallows a cancellation that comes together with the awaited result. Tasks that clean
    up at length need a longer `again_s`, or the second cancellation ends their cleaning.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=again_s)
        for task in done:
            if not task.cancelled():
                task.exception()  # seen: no warning of an exception never retrieved
