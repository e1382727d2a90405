"""Shared timers: never early, at most a tick late, and never for discarded items."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from saga.runtime.timing.coarse_timers import CoarseTimers
from saga.testing.clocks.virtual_loop import VirtualLoop

TICK_SECONDS = 0.25
Result = TypeVar("Result")


def run(main: Coroutine[None, None, Result]) -> Result:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def test_an_item_is_called_when_it_is_due_and_at_most_a_tick_later() -> None:
    async def main() -> dict[float, float]:
        loop = asyncio.get_running_loop()
        began_at, called = loop.time(), dict[float, float]()
        ticks = CoarseTimers[float](TICK_SECONDS, lambda due: called.update({due: loop.time() - began_at}))
        for due in (0.0, 0.1, 0.25, 0.3, 0.6, 7.0):
            ticks.add(due, due)
        await asyncio.sleep(10)
        return called

    for due, called in run(main()).items():
        assert due <= called <= due + TICK_SECONDS


def test_discarded_items_are_not_called_and_the_others_keep_their_order() -> None:
    async def main() -> list[str]:
        called: list[str] = []
        ticks = CoarseTimers[str](TICK_SECONDS, called.append)
        places = {name: ticks.add(name, 1.0) for name in ("b", "a", "d", "c")}
        ticks.discard(places["d"], "d")
        await asyncio.sleep(5)
        ticks.discard(places["a"], "a")  # it has been called, and that is that
        return called

    assert run(main()) == ["b", "a", "c"]


def test_after_the_end_nothing_is_called() -> None:
    async def main() -> list[str]:
        called: list[str] = []
        ticks = CoarseTimers[str](TICK_SECONDS, called.append)
        ticks.add("late", 1.0)
        ticks.close()
        await asyncio.sleep(5)
        return called

    assert run(main()) == []


def test_discarded_items_that_were_due_in_days_leave_nothing_behind() -> None:
    async def main() -> tuple[int, list[str]]:
        called: list[str] = []
        ticks = CoarseTimers[str](TICK_SECONDS, called.append)
        for number in range(1_000):
            ticks.discard(ticks.add("far", 86_400.0 + number), "far")
        kept = ticks.add("kept", 86_400.0)
        ticks.discard(ticks.add("near", 86_400.0), "near")
        left = len(ticks._timers)
        await asyncio.sleep(86_402)
        ticks.discard(kept, "kept")
        return left, called

    assert run(main()) == (1, ["kept"])
