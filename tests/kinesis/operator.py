"""Acts on a stream as operators do, by calls of the Kinesis API: splits and merges shards, deletes and inspects it."""

from __future__ import annotations

from typing import Any, Self

import asyncpg

from saga.errors import NotFound
from saga_kinesis.client import Client, Shard
from saga_kinesis.options import Options
from tests.adapters.delivery_log import TOPIC
from tests.runtime.world import until


class Operator:
    """Acts on the stream of one topic of a bus."""

    def __init__(self, url: str, topic: str = TOPIC) -> None:
        self.options = Options.read(url)
        self.api = Client(self.options)
        self.stream = self.options.prefix + topic

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.close()

    async def client(self) -> Any:
        return await self.api._opened()

    async def open_shards(self) -> list[Shard]:
        return sorted((s for s in await self.api.shards(self.stream) if s.is_open), key=lambda shard: shard.first_hash)

    async def split(self, shard: Shard) -> None:
        middle = str((shard.first_hash + shard.last_hash) // 2)
        client = await self.client()
        await client.split_shard(StreamName=self.stream, ShardToSplit=shard.id, NewStartingHashKey=middle)
        await self.wait_until_active()

    async def merge(self, left: Shard, right: Shard) -> None:
        client = await self.client()
        await client.merge_shards(StreamName=self.stream, ShardToMerge=left.id, AdjacentShardToMerge=right.id)
        await self.wait_until_active()

    async def wait_until_active(self) -> None:
        async def is_active() -> bool:
            return (await self.api.describe(self.stream)).status == "ACTIVE"

        await until(is_active, "the stream is active")

    async def delete(self) -> None:
        """Deletes the stream, and waits until it is gone."""
        client = await self.client()
        await client.delete_stream(StreamName=self.stream)
        await until(self._is_gone, "the stream is gone")

    async def put_raw(self, *datas: bytes) -> None:
        """Writes records that the adapter did not encode."""
        client = await self.client()
        records = [{"Data": data, "PartitionKey": str(number)} for number, data in enumerate(datas)]
        await client.put_records(StreamName=self.stream, Records=records)

    async def stored(self) -> int:
        """The number of records in the stream."""
        client, count = await self.client(), 0
        for shard in await self.api.shards(self.stream):
            iterator: str | None = await self.api.iterator(self.stream, shard.id, None)
            while iterator is not None:
                answer = await client.get_records(ShardIterator=iterator)
                count += len(answer["Records"])
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
        return count

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Queries the lease tables; $1 is the stream."""
        connection = await asyncpg.connect(self.options.leases, server_settings={"search_path": "saga_kinesis"})
        try:
            return await connection.fetch(query, self.stream, *arguments)
        finally:
            await connection.close()

    async def _is_gone(self) -> bool:
        try:
            await self.api.describe(self.stream)
        except NotFound:
            return True
        return False
