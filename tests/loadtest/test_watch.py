"""The generator distrusts itself when its loop stands still, and only then."""

import asyncio
import time

from loadtest.watch import LAG_LIMIT_MS, LATE_LIMIT_MS, SelfWatch


async def test_a_busy_loop_is_seen() -> None:
    async with SelfWatch() as watch:
        start = time.monotonic()
        for _ in range(5):
            await asyncio.sleep(0.06)
            busy_until = time.monotonic() + 4 * LAG_LIMIT_MS / 1000
            while time.monotonic() < busy_until:
                pass
        await asyncio.sleep(0.06)
        end = time.monotonic()
    assert watch.take_recent() > LAG_LIMIT_MS
    assert watch.take_recent() == 0.0
    reasons = watch.distrust(start, end, own_cores=0.1, late_ms=0)
    assert any("loop woke up" in reason for reason in reasons)


async def test_each_reason_is_named() -> None:
    watch = SelfWatch()
    now = time.monotonic()
    assert watch.distrust(now, now + 1, own_cores=0.3, late_ms=10) == []
    [cpu] = watch.distrust(now, now + 1, own_cores=0.95, late_ms=10)
    assert "0.95 of its one core" in cpu
    [late] = watch.distrust(now, now + 1, own_cores=0.3, late_ms=LATE_LIMIT_MS + 1)
    assert "left 201 ms late" in late


async def test_what_was_before_the_steady_part_does_not_count() -> None:
    watch = SelfWatch()
    watch.lag.add(1.0, 500.0)
    watch.lag.add(11.0, 1.0)
    assert watch.distrust(10.0, 20.0, own_cores=0.1, late_ms=0) == []
    assert watch.distrust(0.0, 20.0, own_cores=0.1, late_ms=0)
