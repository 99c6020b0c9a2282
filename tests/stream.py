"""What the stream holds of a session, read whole and not for a while."""

import asyncio
from collections.abc import Sequence

from services.runtime.bus import STREAM, Bus, Recorded

PATIENCE_S = 10.0


async def held(
    bus: Bus,
    session_id: str,
    *,
    signals: Sequence[str] = ("*",),
    hints: bool = False,
    unreadable: int = 0,
) -> list[Recorded]:
    """All that `Bus.follow` gives of what is stored by now, by the stream's own count.

    unreadable: how many of these messages are known to be no messages.
    """
    subjects = [f"events.{session_id}", *(f"signals.{session_id}.{last}" for last in signals)]
    if hints:
        subjects.append(f"hints.{session_id}")
    count = -unreadable
    for subject in subjects:
        state = (await bus._js.stream_info(STREAM, subjects_filter=subject)).state
        count += sum((state.subjects or {}).values())
    seen: list[Recorded] = []

    async def take(recorded: Recorded) -> None:
        seen.append(recorded)

    following = await bus.follow(session_id, take, signals=signals, hints=hints)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < count:
                await asyncio.sleep(0.01)
    finally:
        await following.unsubscribe()
    return seen
