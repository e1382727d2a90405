"""The driver aiokafka without Saga."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.drivers.payload import BATCH, BODY, GROUP, TOPIC
from saga import registry
from saga_kafka.options import Options


async def run(stack: AsyncExitStack, url: str, total: int) -> Callable[[], Awaitable[object]]:
    """The driver as its manual shows it, with the guarantees of Saga's adapter: idempotent, all copies, commits after reading."""
    options = Options.read(url)
    name = options.prefix + TOPIC
    bus = registry.open_bus(url, "bench")
    await bus.ensure([TOPIC], GROUP)
    await bus.close()
    producer = AIOKafkaProducer(**options.client(), enable_idempotence=True, max_batch_size=131_072)
    settings = {"group_id": name, "enable_auto_commit": False, "auto_offset_reset": "earliest", "fetch_max_wait_ms": 50}
    consumer = AIOKafkaConsumer(name, **options.client(), **settings)
    await stack.enter_async_context(producer)
    await stack.enter_async_context(consumer)
    await producer.send_and_wait(name, BODY, key=b"first")
    await consumer.getone()

    async def publish() -> None:
        for start in range(0, total, BATCH):
            sent = [await producer.send(name, BODY, key=b"%d" % n) for n in range(start, min(start + BATCH, total))]
            await asyncio.gather(*sent)

    async def read() -> None:
        count = 0
        while count < total:
            batches = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            count += sum(1 for records in batches.values() for record in records if record.value)
            if batches:
                await consumer.commit()

    return lambda: asyncio.gather(publish(), read())
