"""A bus whose lag is measured: what is published says when, in a header, and who receives it looks. Nobody else reads that header."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from saga.ports.bus import Bus, Delivery, Message, Subscription
from saga.telemetry.metrics import Metrics

SENT: Final = "saga-sent"
LAG_SECONDS_MAX: Final = 7 * 86_400.0  # what says more has not been sent by us


class WatchedBus:
    """See `saga.ports.bus.Bus`. `now` is the store's clock, so that no two hosts' clocks are compared."""

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
            yield WatchedSubscription(subscription, lambda delivery: self._look(group, delivery))

    async def close(self) -> None:
        await self._bus.close()

    def _look(self, service: str, delivery: Delivery) -> None:
        try:
            lag_seconds = self.now() - float(delivery.message.headers.get(SENT, ""))
        except ValueError:  # of a sender that does not measure, or of nobody we know
            return
        if lag_seconds <= LAG_SECONDS_MAX:  # not a number is not
            self._metrics.delivered(service, lag_seconds)


class WatchedSubscription:
    """See `saga.ports.bus.Subscription`."""

    def __init__(self, subscription: Subscription, look: Callable[[Delivery], None]) -> None:
        self._subscription = subscription
        self._look = look

    async def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        async for deliveries in self._subscription:
            for delivery in deliveries:
                self._look(delivery)
            yield deliveries

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._subscription.ack(deliveries)
