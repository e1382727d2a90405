"""A bus that drops, duplicates, delays and reorders messages, as its port allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from saga.ports.bus import Bus, Message, Subscription
from saga.testing.clocks.virtual_loop import OUTSIDE, VirtualLoop
from saga.testing.faults.store import Faults

Arrivals = Callable[[Message], Sequence[float]]
"""The delays in seconds of the copies of a message; empty if the message is lost."""


class FaultyBus:
    """See `saga.ports.bus.Bus`. The points of `Faults` are `publish:before` and `publish:after`."""

    def __init__(self, inner: Bus, loop: VirtualLoop, faults: Faults, arrivals: Arrivals) -> None:
        self._inner = inner
        self._loop = loop
        self._faults = faults
        self._arrivals = arrivals

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        await self._inner.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._pass("publish:before")
        at_once: list[Message] = []
        for message in messages:
            for seconds in self._arrivals(message):
                if seconds <= 0:
                    at_once.append(message)
                else:
                    self._loop.call_later(seconds, self._arrive, message, context=OUTSIDE.copy())
        await self._inner.publish(at_once)
        await self._pass("publish:after")

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        return self._inner.subscribe(topics, group, limit=limit)

    async def close(self) -> None:
        await self._inner.close()

    def _arrive(self, message: Message) -> None:
        self._loop.begin_outside(self._inner.publish([message]))

    async def _pass(self, point: str) -> None:
        fault = self._faults.at(point)
        if fault is not None:
            await fault()
