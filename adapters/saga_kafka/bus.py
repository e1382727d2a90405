"""A bus on Apache Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from saga.errors import Closed, InputRefused, NotFound
from saga.ports.bus import Bus, Message, Subscription, check_headers
from saga_kafka.failures import translated
from saga_kafka.log_filter import soften
from saga_kafka.options import Options
from saga_kafka.publisher import Publisher
from saga_kafka.subscription import KafkaSubscription
from saga_kafka.topics import Topics

BODY_BYTES_MAX: Final = 1024 * 1024


class KafkaBus:
    """See `saga.ports.bus.Bus`.

    Delivery: at least once to every group; a message is kept for the retention of its topic, whoever has read it. A group that
    reads a topic for the first time begins at its oldest message. Ordering: none. Idempotence: none; the driver's retries write
    nothing twice, ours may. Cancellation: a cancelled publish is unknown. Topics are made by `saga bus ensure`, or with create=1.
    """

    def __init__(self, options: Options, namespace: str) -> None:
        self._options = options
        self._namespace = namespace
        self._made: tuple[Publisher, Topics] | None = None
        self._subscriptions: set[KafkaSubscription] = set()
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:  # noqa: ARG002
        """Nothing is to be done for a group: it begins at the oldest message."""
        _, administrator = self._opened()
        await administrator.check([self._name(topic) for topic in topics])

    async def publish(self, messages: Sequence[Message]) -> None:
        """Raises also InputRefused: a body or its headers are larger than the limit, nothing was published; NotFound: no such topic."""
        outlet, administrator = self._opened()
        if not messages:
            return
        for message in messages:
            if len(message.body) > BODY_BYTES_MAX:
                raise InputRefused(
                    f"a message of {len(message.body)} bytes for {message.topic}: the limit is {BODY_BYTES_MAX}"
                )
            check_headers(message.headers)
        named = messages
        if self._options.prefix:
            named = [replace(message, topic=self._name(message.topic)) for message in messages]
        await administrator.check({message.topic for message in named})
        try:
            await outlet.publish(named)
        except NotFound:
            administrator.forget()
            raise

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        """Raises Unavailable, AccessRefused, NotFound: we are no member, or no member any more."""
        _, administrator = self._opened()
        administrator.forget()
        await self.ensure(topics, group)
        names = [self._name(topic) for topic in topics]
        full_group = f"{self._options.prefix}saga.{self._namespace}.{group}"
        subscription = KafkaSubscription(self._options, names, full_group, limit, administrator.committed)
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
        made, self._made = self._made, None
        for subscription in list(self._subscriptions):
            await subscription.close()
        if made is not None:
            outlet, administrator = made
            await outlet.close()
            await administrator.close()

    def _name(self, topic: str) -> str:
        return self._options.prefix + topic

    def _opened(self) -> tuple[Publisher, Topics]:
        if self._is_closed:
            raise Closed("this bus was closed")
        if self._made is None:
            self._made = Publisher(self._options), Topics(self._options)
        return self._made


def open_bus(url: str, namespace: str) -> Bus:
    """The adapter behind kafka:// and kafka+ssl:// URLs."""
    soften()
    return KafkaBus(Options.read(url), namespace)
