"""Messages a second through the bus alone, and through its driver without us: published and read at the same time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.buses import VARIABLE
from bench.stand import Figures, Stand
from saga import loops, registry
from saga.ports.bus import Message, topic_of
from saga_kafka.options import Options

TOPIC = topic_of("bench", "commands")
GROUP = "commands"
BODY = b'{"v":1,"saga":"01a1fe82-e54b-775e-a767-a938dd56af36","step":3,"op":"E","sent":"0123456789"}'
BATCH = 256
COUNT = 60_000
SECONDS_MAX = 60.0


def commands(stand: Stand) -> Figures:
    """`ours_per_second`, `bare_per_second` and `share` of the one in the other."""
    ours = loops.run(_timed(_ours))
    bare = loops.run(_timed(_bare))
    return {"ours_per_second": COUNT / ours, "bare_per_second": COUNT / bare, "share": bare / ours}


async def _timed(work: Callable[[AsyncExitStack, str], Awaitable[Callable[[], Awaitable[object]]]]) -> float:
    """Seconds that COUNT messages take, connecting not counted."""
    async with AsyncExitStack() as stack, asyncio.timeout(SECONDS_MAX):
        run = await work(stack, f"{os.environ[VARIABLE]}&prefix=bench{uuid4().hex[:8]}.")
        began = time.monotonic()
        await run()
        return time.monotonic() - began


async def _ours(stack: AsyncExitStack, url: str) -> Callable[[], Awaitable[object]]:
    bus = registry.open_bus(url, "bench")
    stack.push_async_callback(bus.close)
    await bus.ensure([TOPIC], GROUP)
    subscription = await stack.enter_async_context(bus.subscribe([TOPIC], GROUP, limit=BATCH))
    await bus.publish([Message(TOPIC, b"first", BODY)])
    await subscription.ack(await anext(aiter(subscription)))

    async def publish() -> None:
        for start in range(0, COUNT, BATCH):
            await bus.publish([Message(TOPIC, b"%d" % n, BODY) for n in range(start, min(start + BATCH, COUNT))])

    async def read() -> None:
        count = 0
        while count < COUNT:
            deliveries = await anext(aiter(subscription))
            count += sum(1 for delivery in deliveries if delivery.message.body)
            await subscription.ack(deliveries)

    return lambda: asyncio.gather(publish(), read())


async def _bare(stack: AsyncExitStack, url: str) -> Callable[[], Awaitable[object]]:
    """The driver as its manual shows it, with the same guarantees: idempotent, all copies, commits after reading."""
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
        for start in range(0, COUNT, BATCH):
            sent = [await producer.send(name, BODY, key=b"%d" % n) for n in range(start, min(start + BATCH, COUNT))]
            await asyncio.gather(*sent)

    async def read() -> None:
        count = 0
        while count < COUNT:
            batches = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            count += sum(1 for records in batches.values() for record in records if record.value)
            if batches:
                await consumer.commit()

    return lambda: asyncio.gather(publish(), read())
