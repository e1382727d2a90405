"""A member of a group in its own process: `python -m tests.kafka.member URL`. It prints each batch, then acknowledges it."""

from __future__ import annotations

import asyncio
import signal
import sys

from saga.errors import SagaError
from saga_kafka import open_bus
from tests.adapters.delivery_log import GROUP, LIMIT, TOPIC

RETRY_SECONDS = 0.5


async def read(url: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    reading = asyncio.create_task(_read(url))
    await stopped.wait()
    reading.cancel()
    await asyncio.wait([reading])


async def _read(url: str) -> None:
    bus = open_bus(url, "saga")
    try:
        while True:
            try:
                async with bus.subscribe([TOPIC], GROUP, limit=LIMIT) as subscription:
                    async for deliveries in subscription:
                        print(*[delivery.message.body.decode() for delivery in deliveries], flush=True)  # noqa: T201
                        await subscription.ack(deliveries)
            except SagaError as error:
                print(error, file=sys.stderr, flush=True)  # noqa: T201
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await bus.close()


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1]))
