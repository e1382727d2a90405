"""A member of a consumer group: merges the shards that it reads, of one or several streams, into a sequence of batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from saga.ports.bus import Delivery
from saga_kinesis.client import Client
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.readers.membership import ReaderMembership
from saga_kinesis.readers.shard_reader import KinesisDelivery, ShardReader


class KinesisSubscription:
    """See `saga.ports.bus.Subscription`.

    It recovers by itself when Kinesis or the database was unavailable. Any other error of its loops ends the iteration, which raises it.
    """

    def __init__(self, api: Client, table: LeaseTable, topics: Sequence[str], group: str, limit: int) -> None:
        self._limit = limit
        self._filled = asyncio.Event()
        self._is_closed = False
        self._members = deque(
            ReaderMembership(api, table, topic, group, self._filled.set) for topic in dict.fromkeys(topics)
        )

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        while not self._is_closed:
            self._filled.clear()
            if batch := self._take():
                return batch
            for member in self._members:
                if member.failure is not None:
                    raise member.failure
            await self._filled.wait()
        raise StopAsyncIteration

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Marks deliveries as done, which is saved soon afterwards. After a crash, the last acknowledgements may be lost."""
        by_reader: dict[ShardReader, list[int]] = {}
        for delivery in deliveries:
            if isinstance(delivery, KinesisDelivery):
                by_reader.setdefault(delivery.reader, []).append(delivery.sequence)
        for reader, sequences in by_reader.items():
            reader.acknowledge(sequences)

    def end(self) -> None:
        """Ends the iteration, because the bus is being closed."""
        self._is_closed = True
        self._filled.set()

    async def close(self) -> None:
        self.end()
        await asyncio.gather(*(member.close() for member in self._members))

    def _take(self) -> list[KinesisDelivery]:
        """A batch of what is ready, from each stream and shard in turn."""
        batch: list[KinesisDelivery] = []
        self._members.rotate(-1)
        for member in self._members:
            for reader in member.trusted_readers():
                batch += reader.take(self._limit - len(batch))
        return batch
