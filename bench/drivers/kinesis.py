"""The client of aioboto3 without Saga: the ceiling of the service, or of its stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aioboto3

from bench.drivers.payload import BATCH, BODY, GROUP, TOPIC
from saga import registry
from saga_kinesis.options import Options


async def run(stack: AsyncExitStack, url: str, total: int) -> Callable[[], Awaitable[object]]:
    """One writer of batches, and a reader for each shard that never pauses; nothing is checkpointed."""
    bus = registry.open_bus(url, "bench")
    await bus.ensure([TOPIC], GROUP)
    await bus.close()
    options = Options.read(url)
    session = aioboto3.Session(options.access_key, options.secret_key, region_name=options.region)
    client = await stack.enter_async_context(session.client("kinesis", endpoint_url=options.endpoint_url))
    stream, arrived = options.prefix + TOPIC, 0
    shards = [shard["ShardId"] for shard in (await client.list_shards(StreamName=stream))["Shards"]]

    async def publish() -> None:
        for start in range(0, total, BATCH):
            numbers = range(start, min(start + BATCH, total))
            records = [{"Data": BODY, "PartitionKey": str(number)} for number in numbers]
            await client.put_records(StreamName=stream, Records=records)

    async def read(shard: str) -> None:
        nonlocal arrived
        place = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await client.get_shard_iterator(**place))["ShardIterator"]
        while arrived < total:
            answer = await client.get_records(ShardIterator=iterator)
            arrived += len(answer["Records"])
            iterator = answer["NextShardIterator"]

    return lambda: asyncio.gather(publish(), *map(read, shards))
