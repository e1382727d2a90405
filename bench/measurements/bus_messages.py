"""Messages a second through the bus, and through its driver without Saga: published and read at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from bench.drivers import kafka, kinesis, nats
from bench.drivers.payload import BATCH, BODY, GROUP, TOPIC
from bench.environment.buses import fresh_url
from bench.measurement import Figures, Setup
from saga import loops, registry
from saga.ports.bus import Message

BARE = {"kafka": (kafka.run, 60_000), "kinesis": (kinesis.run, 10_000), "nats": (nats.run, 20_000)}
"""URL scheme -> the driver without Saga, and the number of messages that are counted."""
SECONDS_MAX = 60.0

Run = Callable[[], Awaitable[object]]


def commands(setup: Setup) -> Figures:
    """`ours_per_second`, `bare_per_second` and `share` of the one in the other."""
    bare, count = BARE[fresh_url(setup).partition(":")[0]]
    seconds = [loops.run(_timed(work, fresh_url(setup), count)) for work in (_ours, bare)]
    ours, theirs = (count / each for each in seconds)
    return {"ours_per_second": ours, "bare_per_second": theirs, "share": ours / theirs}


async def _timed(work: Callable[[AsyncExitStack, str, int], Awaitable[Run]], url: str, count: int) -> float:
    """Returns the seconds that this many messages take, without connecting."""
    async with AsyncExitStack() as stack, asyncio.timeout(SECONDS_MAX):
        run = await work(stack, url, count)
        began = time.monotonic()
        await run()
        return time.monotonic() - began


async def _ours(stack: AsyncExitStack, url: str, total: int) -> Run:
    bus = registry.open_bus(url, "bench")
    stack.push_async_callback(bus.close)
    await bus.ensure([TOPIC], GROUP)
    subscription = await stack.enter_async_context(bus.subscribe([TOPIC], GROUP, limit=BATCH))
    await bus.publish([Message(TOPIC, b"first", BODY)])
    await subscription.ack(await anext(aiter(subscription)))

    async def publish() -> None:
        for start in range(0, total, BATCH):
            await bus.publish([Message(TOPIC, b"%d" % n, BODY) for n in range(start, min(start + BATCH, total))])

    async def read() -> None:
        count = 0
        while count < total:
            deliveries = await anext(aiter(subscription))
            count += sum(1 for delivery in deliveries if delivery.message.body)
            await subscription.ack(deliveries)

    return lambda: asyncio.gather(publish(), read())
