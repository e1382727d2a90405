"""A bus between the processes of one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from saga.errors import Closed, Unavailable
from saga.ports.bus import Delivery, Message, Subscription, check_message

GROUP_MESSAGES_MAX: Final = 100_000
UNASSIGNED: Final = ""  # holds the messages of a topic that has no group yet


@dataclass(eq=False, slots=True)
class MemoryDelivery:
    """See `saga.ports.bus.Delivery`."""

    message: Message
    group: ConsumerGroup


class ConsumerGroup:
    """The messages of one topic for one consumer group that are not delivered to a member."""

    def __init__(self) -> None:
        self.waiting: deque[MemoryDelivery] = deque()


@dataclass(slots=True)
class Broker:
    """The topics and groups that all memory buses of one name share."""

    groups: dict[str, dict[str, ConsumerGroup]] = field(default_factory=dict)  # topic -> name -> group
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def group(self, topic: str, name: str) -> ConsumerGroup:
        """The group of this name. The first group of a topic gets what was published before."""
        groups = self.groups.setdefault(topic, {})
        return groups.setdefault(name, groups.pop(UNASSIGNED, ConsumerGroup()))

    def groups_of(self, topic: str) -> list[ConsumerGroup]:
        groups = self.groups.setdefault(topic, {})
        if not groups:
            groups[UNASSIGNED] = ConsumerGroup()
        return list(groups.values())

    def announce(self) -> None:
        """Wakes every waiting member."""
        filled, self.filled = self.filled, asyncio.Event()
        filled.set()


class MemoryBus:
    """See `saga.ports.bus.Bus`. Messages published before a topic has a group wait for the first one.

    A group holds at most `GROUP_MESSAGES_MAX` messages: a publish that exceeds it is refused as a whole.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        self._check_open()
        for topic in topics:
            self._broker.group(topic, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        self._check_open()
        await asyncio.sleep(0)
        arrivals: dict[ConsumerGroup, list[MemoryDelivery]] = {}
        for message in messages:
            check_message(message)
            for group in self._broker.groups_of(message.topic):
                arrivals.setdefault(group, []).append(MemoryDelivery(message, group))
        for group, deliveries in arrivals.items():
            if len(group.waiting) + len(deliveries) > GROUP_MESSAGES_MAX:
                raise Unavailable(
                    f"a group has {len(group.waiting)} messages waiting: its members do not read them fast enough"
                )
        for group, deliveries in arrivals.items():
            group.waiting.extend(deliveries)
        self._broker.announce()

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        await self.ensure(topics, group)
        subscription = MemorySubscription(
            self, self._broker, [self._broker.group(topic, group) for topic in topics], limit
        )
        try:
            yield subscription
        finally:
            subscription.give_back()

    async def close(self) -> None:
        """Ends the iterations of its subscriptions."""
        self._is_closed = True
        self._broker.announce()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this bus is closed")


class MemorySubscription:
    """See `saga.ports.bus.Subscription`. Unacknowledged messages return to the front of the queue when the member leaves."""

    def __init__(self, bus: MemoryBus, broker: Broker, groups: list[ConsumerGroup], limit: int) -> None:
        self._bus = bus
        self._broker = broker
        self._groups = groups
        self._limit = limit
        self._taken: dict[Delivery, MemoryDelivery] = {}

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        while not self._bus.is_closed:
            batch = self._take()
            if batch:
                return batch
            await self._broker.filled.wait()
        raise StopAsyncIteration

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._taken.pop(delivery, None)

    def give_back(self) -> None:
        for delivery in reversed(self._taken.values()):
            delivery.group.waiting.appendleft(delivery)
        self._taken.clear()
        self._broker.announce()

    def _take(self) -> list[MemoryDelivery]:
        batch: list[MemoryDelivery] = []
        for group in self._groups:
            while group.waiting and len(batch) < self._limit:
                batch.append(group.waiting.popleft())
        # The first one is served first, and must not starve the others
        self._groups = self._groups[1:] + self._groups[:1]
        self._taken.update((delivery, delivery) for delivery in batch)
        return batch
