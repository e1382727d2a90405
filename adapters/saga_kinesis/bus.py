"""A bus on Kinesis: one stream for each topic, read under leases in Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from saga.errors import Closed, NotFound, Unavailable
from saga.ports.bus import Bus, Message, Subscription
from saga_kinesis.client import Client
from saga_kinesis.options import Options
from saga_kinesis.publisher import Publisher
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.streams import create_stream
from saga_kinesis.subscription import KinesisSubscription


class KinesisBus:
    """See `saga.ports.bus.Bus`.

    Delivery: at least once to each group, while the stream keeps the record (its retention). A group that reads a stream for the
    first time begins at the oldest record. Ordering: none; by shard as a rule. Idempotence: none. Cancellation: the outcome of a
    cancelled publish is unknown.
    """

    def __init__(self, options: Options, namespace: str) -> None:
        self.options = options
        self.api = Client(options)
        self.table = LeaseTable(options.leases, namespace)
        self._publisher = Publisher(self.api, self.table)
        self._subscriptions: set[KinesisSubscription] = set()
        self._ensured: set[str] = set()
        self._ensuring = asyncio.Lock()
        self._is_closed = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:  # noqa: ARG002 (every group begins at the oldest record)
        """Checks that streams and lease tables exist; with `create=yes` in the URL, creates those that are missing.

        Raises:
            NotFound: a stream does not exist; `saga bus ensure` creates it.
            SchemaMismatch: the lease tables are missing, or of another version.
            Unavailable: a stream is being created, changed or deleted.
        """
        self._check_open()
        async with self._ensuring:
            if not self._ensured:
                await (self.table.migrate() if self.options.create else self.table.check())
            for topic in topics:
                if topic not in self._ensured:
                    await self._ensure_stream(self.options.prefix + topic)
                    self._ensured.add(topic)

    async def publish(self, messages: Sequence[Message]) -> None:
        """See `Bus.publish`. Raises also NotFound: a stream does not exist."""
        self._check_open()
        if messages:
            await self._publisher.publish(messages)

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        await self.ensure(topics, group)
        subscription = KinesisSubscription(self.api, self.table, topics, group, limit)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await subscription.close()

    async def close(self) -> None:
        """Ends the iterations of its subscriptions, and releases their shards."""
        self._is_closed = True
        await asyncio.gather(*(subscription.close() for subscription in self._subscriptions))
        await self.api.close()
        await self.table.close()

    async def _ensure_stream(self, name: str) -> None:
        try:
            stream = await self.api.describe(name)
        except NotFound:
            if not self.options.create:
                raise
            stream = await create_stream(self.api, name)
        if not stream.is_usable:
            if not self.options.create:
                raise Unavailable(f"{self.options.place}: stream {name} is {stream.status.lower()}: try again soon")
            await create_stream(self.api, name)

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this bus was closed")


def open_bus(url: str, namespace: str) -> Bus:
    """The bus behind kinesis:// URLs."""
    return KinesisBus(Options.read(url), namespace)
