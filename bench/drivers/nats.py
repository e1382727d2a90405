"""The driver nats-py without Saga."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import nats

from bench.drivers.payload import BATCH, BODY, GROUP, TOPIC
from saga import registry
from saga_nats.message_format import stream_of
from saga_nats.options import Options


async def run(stack: AsyncExitStack, url: str, total: int) -> Callable[[], Awaitable[object]]:
    """The driver as its manual shows it, with the guarantees of Saga's adapter: each message confirmed, each delivery acknowledged."""
    options = Options.read(url)
    name = options.prefix + TOPIC
    bus = registry.open_bus(url, "bench")
    await bus.ensure([TOPIC], GROUP)
    await bus.close()
    writer, reader = [await nats.connect(f"nats://{options.servers[0]}") for _ in range(2)]
    stack.push_async_callback(writer.close)
    stack.push_async_callback(reader.close)
    streams = writer.jetstream()
    subscription = await reader.jetstream().pull_subscribe_bind(GROUP, stream_of(name))

    async def publish() -> None:
        for start in range(0, total, BATCH):
            sent = [await streams.publish_async(name, BODY) for _ in range(start, min(start + BATCH, total))]
            await asyncio.gather(*sent)

    async def read() -> None:
        count = 0
        while count < total:
            batch = await subscription.fetch(BATCH, timeout=5)
            count += len(batch)
            for message in batch:
                await message.ack()

    return lambda: asyncio.gather(publish(), read())
