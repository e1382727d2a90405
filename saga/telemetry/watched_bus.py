"""A bus whose lag is measured: the publisher writes the time into a header, and the receiver compares. Nothing else reads that header."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from saga.ports.bus import Bus, Delivery, Message, Subscription
from saga.telemetry.metrics import Metrics

SENT: Final = "saga-sent"
LAG_SECONDS_MAX: Final = 7 * 86_400.0
"""A longer lag is not plausible: the header comes from somebody else."""


class WatchedBus:
    """Implements `saga.ports.bus.Bus`. `now` is the store's clock, so that clocks of two hosts are never compared."""

    def __init__(self, bus: Bus, metrics: Metrics) -> None:
        self._bus = bus
        self._metrics = metrics
        self.now: Callable[[], float] = time.time

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        await self._bus.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        sent = {SENT: f"{self.now():.3f}"}
        await self._bus.publish([replace(message, headers={**message.headers, **sent}) for message in messages])

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        async with self._bus.subscribe(topics, group, limit=limit) as subscription:
            yield WatchedSubscription(subscription, lambda delivery: self._measure(group, delivery))

    async def close(self) -> None:
        await self._bus.close()

    def _measure(self, service: str, delivery: Delivery) -> None:
        try:
            lag_seconds = self.now() - float(delivery.message.headers.get(SENT, ""))
        except ValueError:  # the sender does not measure, or is not a process of ours
            return
        if lag_seconds <= LAG_SECONDS_MAX:  # false for NaN
            self._metrics.delivered(service, lag_seconds)


class WatchedSubscription:
    """Implements `saga.ports.bus.Subscription`."""

    def __init__(self, subscription: Subscription, measure: Callable[[Delivery], None]) -> None:
        self._subscription = subscription
        self._measure = measure

    async def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        async for deliveries in self._subscription:
            for delivery in deliveries:
                self._measure(delivery)
            yield deliveries

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._subscription.ack(deliveries)
