"""A reader in its own process, for tests that freeze and kill it: `python -m tests.kinesis.reader URL [step]` prints what it receives.

With `step` it receives one delivery for each line of its standard input, and acknowledges the one before it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from saga.ports.bus import Delivery, Subscription
from saga_kinesis.bus import KinesisBus
from saga_kinesis.options import Options
from tests.adapters.delivery_log import GROUP, LIMIT, TOPIC


async def main(url: str, *, is_stepped: bool) -> None:
    bus = KinesisBus(Options.read(url), "saga")
    async with bus.subscribe([TOPIC], GROUP, limit=1 if is_stepped else LIMIT) as subscription:
        print("ready", flush=True)  # noqa: T201
        await (_step(subscription) if is_stepped else _all(subscription))
    await bus.close()


async def _all(subscription: Subscription) -> None:
    async for deliveries in subscription:
        _show(deliveries)
        await subscription.ack(deliveries)


async def _step(subscription: Subscription) -> None:
    held: Sequence[Delivery] = []
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        await subscription.ack(held)
        held = await anext(aiter(subscription))
        _show(held)


def _show(deliveries: Sequence[Delivery]) -> None:
    print("\n".join(delivery.message.body.decode() for delivery in deliveries), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], is_stepped=len(sys.argv) > 2))
