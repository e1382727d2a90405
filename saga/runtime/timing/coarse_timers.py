"""Timers that are shared by all that is due within one tick: thousands wait at a time, and most of them do not wait for their end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from contextvars import copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class CoarseTimers(Generic[Item]):
    """Calls `on_due` for each item: never early, and late by a tick at most. An item is there once in a tick."""

    def __init__(self, tick_seconds: float, on_due: Callable[[Item], None]) -> None:
        self._tick_seconds = tick_seconds
        self._on_due = on_due
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()  # a timer of its own would keep what the first of a tick has at hand
        self._due: dict[int, dict[Item, None]] = {}  # in the order in which they came
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def add(self, item: Item, after_seconds: float) -> int:
        """Wait for so long; returns what `discard` asks for."""
        tick = math.ceil((self._loop.time() + after_seconds) / self._tick_seconds)
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = {}
            self._timers[tick] = self._loop.call_at(tick * self._tick_seconds, self._call, tick, context=self._context)
        due[item] = None
        return tick

    def discard(self, tick: int, item: Item) -> None:
        """It need not be called any more, if it has not been."""
        due = self._due.get(tick)
        if due is not None:
            due.pop(item, None)

    def close(self) -> None:
        """Nothing is called any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._due.clear()

    def _call(self, tick: int) -> None:
        del self._timers[tick]
        for item in self._due.pop(tick):
            self._on_due(item)
