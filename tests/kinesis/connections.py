"""The numbered messages of the tests of a bus, on connections to Kinesis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from saga_kinesis.bus import KinesisBus
from saga_kinesis.options import Options
from tests.kafka.books import GROUP, LIMIT, TOPIC, Books, numbered

__all__ = ["GROUP", "LIMIT", "TOPIC", "Books", "connected", "doubled", "numbered"]


@contextlib.asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[KinesisBus]]:
    """So many connections to a bus, as of different processes, with its stream ensured."""
    buses = [KinesisBus(Options.read(url), "saga") for _ in range(count)]
    try:
        await buses[0].ensure([TOPIC], GROUP)
        yield buses
    finally:
        for bus in buses:
            await bus.close()


def doubled(books: Books) -> int:
    """How many deliveries were one too many."""
    return sum(count - 1 for count in books.arrived.values())
