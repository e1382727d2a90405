"""The clock that tests advance."""

from __future__ import annotations

import asyncio

from saga.testing.clocks.hand_clock import HandClock


async def test_time_stands_still_until_it_is_advanced() -> None:
    clock = HandClock(100.0)
    assert clock.monotonic() == 100.0

    await clock.advance(2.5)

    assert clock.monotonic() == 102.5


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = HandClock(0.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(name, seconds)) for name, seconds in (("late", 3.0), ("soon", 1.0))]
    await clock.advance(0.5)
    assert woken == []
    await clock.advance(5.0)
    await asyncio.gather(*tasks)

    assert woken == [("soon", 1.0), ("late", 3.0)]
    assert clock.monotonic() == 5.5


async def test_a_woken_sleeper_can_sleep_again_within_one_advance() -> None:
    clock = HandClock(0.0)
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await clock.sleep(1.0)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await clock.advance(0.0)
    await clock.advance(3.0)
    task.cancel()

    assert ticks == [1.0, 2.0, 3.0]


async def test_a_cancelled_sleeper_is_skipped() -> None:
    clock = HandClock(0.0)
    task = asyncio.create_task(clock.sleep(1.0))
    await clock.advance(0.0)
    task.cancel()

    await clock.advance(2.0)

    assert task.cancelled()


async def test_sleeping_for_no_time_returns_at_once() -> None:
    await HandClock(0.0).sleep(0.0)
