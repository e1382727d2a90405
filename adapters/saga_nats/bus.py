"""A bus on NATS JetStream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from saga.errors import Closed
from saga.ports.bus import Bus, Message, Subscription, check_message
from saga_nats.link import Links
from saga_nats.options import Options
from saga_nats.publisher import Publisher
from saga_nats.streams import Streams
from saga_nats.subscription import NatsSubscription


class NatsBus:
    """See `saga.ports.bus.Bus`.

    Delivery: at least once to every group, at most DELIVERIES_MAX times; a stream keeps a message for its retention, read or not. A group
    that reads a topic for the first time begins at the oldest message. Ordering: none. Idempotence: none; what one publish sends again is
    kept once. Cancellation: the outcome of a cancelled publish is unknown. `saga bus ensure` creates streams, or create=1 does.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._links = Links(options, "saga")
        self._streams = Streams(self._links)
        self._publisher = Publisher(self._links, self._streams)
        self._subscriptions: set[NatsSubscription] = set()
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        """Checks the streams, and creates the missing consumers of the group. Raises NotFound, UsageError, AccessRefused, Unavailable."""
        self._check_open()
        subjects = [self._options.prefix + topic for topic in topics]
        await self._streams.check(subjects)
        for subject in subjects:
            await self._streams.ensure_group(subject, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. Raises also NotFound: a topic has no stream."""
        self._check_open()
        if not messages:
            return
        for message in messages:
            check_message(message)
        named = messages
        if self._options.prefix:
            named = [replace(message, topic=self._options.prefix + message.topic) for message in messages]
        await self._publisher.publish(named)

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        """See `Bus.subscribe`. Raises Unavailable, AccessRefused, NotFound, also later, when the connection is lost."""
        self._check_open()
        await self.ensure(topics, group)
        subscription = NatsSubscription(self._options, topics, group, limit)
        self._subscriptions.add(subscription)
        try:
            await subscription.open()
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await subscription.close()

    async def close(self) -> None:
        self._is_closed = True
        for subscription in tuple(self._subscriptions):
            await subscription.close()
        await self._links.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this bus was closed")


def open_bus(url: str, namespace: str) -> Bus:  # noqa: ARG001 (topics have the namespace in their names)
    """The bus behind nats:// and nats+tls:// URLs."""
    return NatsBus(Options.read(url))
