"""A log of numbered messages: which were certainly published, which arrived, and how often."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from saga.errors import SagaError
from saga.ports.bus import Bus, Message
from tests.runtime.world import ended, until

TOPIC = "saga.test.stock"
GROUP = "stock"
BATCH = 20
LIMIT = 50
PAUSE_SECONDS = 0.01


def numbered(numbers: Sequence[int], *, topic: str = TOPIC) -> list[Message]:
    return [Message(topic, b"%d" % number, b"%d" % number) for number in numbers]


class DeliveryLog:
    """Publishes and reads until it is stopped. What a failed publish has sent is unknown: it may arrive or not."""

    def __init__(self) -> None:
        self.published: set[int] = set()
        self.arrived: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self._next = 0

    @contextlib.asynccontextmanager
    async def publishing(self, bus: Bus) -> AsyncIterator[None]:
        task = asyncio.create_task(self._publish(bus))
        try:
            yield
        finally:
            await ended(task)

    @contextlib.asynccontextmanager
    async def reading(self, *buses: Bus) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._read(bus)) for bus in buses]
        try:
            yield
        finally:
            for task in tasks:
                await ended(task)

    async def complete(self, *, seconds: float = 30) -> None:
        """Waits until everything that was published has arrived."""
        await until(lambda: self.published <= self.arrived.keys(), "everything published has arrived", seconds=seconds)

    async def more(self, count: int, *, seconds: float = 30) -> float:
        """Waits until this many more are published and have arrived. Returns how long that took."""
        wanted = len(self.published) + count
        return await until(
            lambda: len(self.published & self.arrived.keys()) >= wanted, f"{count} more have arrived", seconds=seconds
        )

    @property
    def duplicates(self) -> int:
        """The number of deliveries that repeated an earlier one."""
        return sum(count - 1 for count in self.arrived.values())

    async def publish(self, bus: Bus, count: int) -> None:
        numbers = range(self._next, self._next + count)
        self._next += count
        await bus.publish(numbered(numbers))
        self.published.update(numbers)

    async def _publish(self, bus: Bus) -> None:
        while True:
            try:
                await self.publish(bus, BATCH)
            except SagaError as error:
                self.failures[type(error).__name__] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, bus: Bus) -> None:
        """Subscribes again whenever a subscription ends, as the dispatcher does."""
        while True:
            try:
                async with bus.subscribe([TOPIC], GROUP, limit=LIMIT) as subscription:
                    async for deliveries in subscription:
                        self.arrived.update(int(delivery.message.body) for delivery in deliveries)
                        await subscription.ack(deliveries)
            except SagaError as error:
                self.failures[f"reading: {type(error).__name__}"] += 1
                await asyncio.sleep(PAUSE_SECONDS)
