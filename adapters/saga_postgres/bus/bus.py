"""A bus on Postgres, in any database. The store's own does not need it: its commands are rows already."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from saga.errors import Closed
from saga.ports.bus import Bus, Delivery, Message, Subscription, check_message
from saga_postgres.announce.channels import bus_channel
from saga_postgres.bus.subscription import ConsumerMembership, PostgresDelivery, PostgresSubscription
from saga_postgres.connection.pool import Pool

CONNECTIONS_MAX: Final = 4
PAYLOAD_CHARS_MAX: Final = 7000  # the server takes 7,999 bytes
_ENSURE: Final = "select bus_ensure($1, $2)"
_PUBLISH: Final = "select bus_publish($1, $2, $3, $4, $5, $6)"
_ACK: Final = "select bus_ack($1)"


class PostgresBus:
    """See `saga.ports.bus.Bus`.

    Delivery: a published message is a durable row for each group until the group acknowledges it, or for a week. Messages
    published before a topic has a group wait for the first one. Ordering: none guaranteed; oldest first as a rule.
    Idempotence: none. Cancellation: whether a cancelled publish took effect is unknown.
    """

    def __init__(self, url: str, namespace: str) -> None:
        self._pool = Pool(url, namespace, connections_max=CONNECTIONS_MAX, application="saga bus")
        self._channel = bus_channel(namespace)
        self._closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        pool = self._opened()
        async with pool.connection() as connection:
            await connection.execute(_ENSURE, list(topics), group)

    async def publish(self, messages: Sequence[Message]) -> None:
        pool = self._opened()
        if not messages:
            return
        for message in messages:
            check_message(message)
        topics = [message.topic for message in messages]
        payload = " ".join(sorted(set(topics)))
        async with pool.connection() as connection:
            await connection.execute(
                _PUBLISH,
                topics,
                [message.key for message in messages],
                [message.body for message in messages],
                [json.dumps(dict(message.headers)) if message.headers else None for message in messages],
                self._channel,
                payload if len(payload) <= PAYLOAD_CHARS_MAX else "",
            )

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        await self.ensure(topics, group)
        member = ConsumerMembership(self._pool, self._channel, tuple(topics), group)
        subscription = PostgresSubscription(member, self._ack, limit)
        try:
            yield subscription
        finally:
            await subscription.close()

    async def close(self) -> None:
        self._closed = True
        await self._pool.close()

    async def _ack(self, deliveries: Sequence[Delivery]) -> None:
        ids = [delivery.id for delivery in deliveries if isinstance(delivery, PostgresDelivery)]
        if ids:
            pool = self._opened()
            async with pool.connection() as connection:
                await connection.execute(_ACK, ids)

    def _opened(self) -> Pool:
        if self._closed:
            raise Closed("this bus was closed")
        return self._pool


def open_bus(url: str, namespace: str) -> Bus:
    """The bus for postgresql:// URLs."""
    return PostgresBus(url, namespace)
