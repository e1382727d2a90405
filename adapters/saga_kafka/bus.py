"""A bus on Apache Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from saga.errors import Closed, NotFound
from saga.ports.bus import Bus, Message, Subscription, check_message
from saga_kafka.failures import translated
from saga_kafka.log_filter import limit_repeated_logs
from saga_kafka.options import Options
from saga_kafka.publisher import Publisher
from saga_kafka.subscription import KafkaSubscription
from saga_kafka.topics import Topics


class KafkaBus:
    """See `saga.ports.bus.Bus`.

    Delivery: at least once to every group; a topic keeps a message for its retention, read or not. A group that reads a topic for
    the first time begins at the oldest message. Ordering: none. Idempotence: none; the driver's retries write nothing twice, the
    adapter's may. Cancellation: the outcome of a cancelled publish is unknown. `saga bus ensure` creates topics, or create=1 does.
    """

    def __init__(self, options: Options, namespace: str) -> None:
        self._options = options
        self._namespace = namespace
        self._clients: tuple[Publisher, Topics] | None = None
        self._subscriptions: set[KafkaSubscription] = set()
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:  # noqa: ARG002
        """Checks the topics. A group needs nothing: it begins at the oldest message."""
        _, existing = self._opened()
        await existing.check([self._name(topic) for topic in topics])

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. Raises also NotFound: a topic does not exist."""
        publisher, topics = self._opened()
        if not messages:
            return
        for message in messages:
            check_message(message)
        named = messages
        if self._options.prefix:
            named = [replace(message, topic=self._name(message.topic)) for message in messages]
        await topics.check({message.topic for message in named})
        try:
            await publisher.publish(named)
        except NotFound:
            topics.forget()
            raise

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        """See `Bus.subscribe`. Raises Unavailable, AccessRefused, NotFound, also later, when the membership is lost."""
        _, existing = self._opened()
        existing.forget()
        await self.ensure(topics, group)
        names = [self._name(topic) for topic in topics]
        full_group = f"{self._options.prefix}saga.{self._namespace}.{group}"
        subscription = KafkaSubscription(self._options, names, full_group, limit, existing.committed)
        self._subscriptions.add(subscription)
        try:
            with translated(self._options.place):
                await subscription.open()
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await subscription.close()

    async def close(self) -> None:
        self._is_closed = True
        clients, self._clients = self._clients, None
        for subscription in list(self._subscriptions):
            await subscription.close()
        if clients is not None:
            publisher, topics = clients
            await publisher.close()
            await topics.close()

    def _name(self, topic: str) -> str:
        return self._options.prefix + topic

    def _opened(self) -> tuple[Publisher, Topics]:
        if self._is_closed:
            raise Closed("this bus was closed")
        if self._clients is None:
            self._clients = Publisher(self._options), Topics(self._options)
        return self._clients


def open_bus(url: str, namespace: str) -> Bus:
    """The bus behind kafka:// and kafka+ssl:// URLs."""
    limit_repeated_logs()
    return KafkaBus(Options.read(url), namespace)
