"""Timers that share one asyncio timer per tick: thousands wait at a time, and most are discarded before they are due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from contextvars import copy_context
from typing import Final, Generic, TypeVar

FAR_SECONDS: Final = 60.0
"""The timer of an empty tick is cancelled if it is further away than this: such timers must not pile up for days."""

Item = TypeVar("Item", bound=Hashable)


class CoarseTimers(Generic[Item]):
    """Calls `on_due` for each item: never early, and at most one tick late. An item that is added twice in a tick is due once."""

    def __init__(self, tick_seconds: float, on_due: Callable[[Item], None]) -> None:
        self._tick_seconds = tick_seconds
        self._on_due = on_due
        self._loop = asyncio.get_running_loop()
        # With a context of its own, a timer would keep alive whatever the first item of its tick has in its context
        self._context = copy_context()
        self._due: dict[int, dict[Item, None]] = {}  # a dict keeps the order in which items were added
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def add(self, item: Item, after_seconds: float) -> int:
        """Calls `on_due` after that time. Returns the tick, for `discard`."""
        tick = math.ceil((self._loop.time() + after_seconds) / self._tick_seconds)
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = {}
            self._timers[tick] = self._loop.call_at(tick * self._tick_seconds, self._call, tick, context=self._context)
        due[item] = None
        return tick

    def discard(self, tick: int, item: Item) -> None:
        """Forgets an item that is not due yet."""
        due = self._due.get(tick)
        if due is not None:
            due.pop(item, None)
            if not due and tick * self._tick_seconds - self._loop.time() > FAR_SECONDS:
                del self._due[tick]
                self._timers.pop(tick).cancel()

    def close(self) -> None:
        """Cancels all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._due.clear()

    def _call(self, tick: int) -> None:
        del self._timers[tick]
        for item in self._due.pop(tick):
            self._on_due(item)
