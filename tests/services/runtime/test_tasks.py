import asyncio

from services.runtime import tasks


async def test_a_task_that_swallows_a_cancellation_is_ended() -> None:
    """As `asyncio.wait_for` on Python 3.11 does when its result comes at the same time."""
    swallowed = 0
    begun = asyncio.Event()

    async def stubborn() -> None:
        nonlocal swallowed
        begun.set()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await begun.wait()
    await tasks.end([task])
    assert task.cancelled()
    assert swallowed == 2


async def test_errors_of_ended_tasks_are_not_raised() -> None:
    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError from None

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await tasks.end([task])
    assert isinstance(task.exception(), ValueError)
    await tasks.end([])
