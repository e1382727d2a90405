"""Connections to a Kinesis bus."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from saga_kinesis.bus import KinesisBus
from saga_kinesis.options import Options
from tests.adapters.delivery_log import GROUP, TOPIC


@contextlib.asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[KinesisBus]]:
    """Yields this many connections to a bus, as different processes have them; its stream exists."""
    buses = [KinesisBus(Options.read(url), "saga") for _ in range(count)]
    try:
        await buses[0].ensure([TOPIC], GROUP)
        yield buses
    finally:
        for bus in buses:
            await bus.close()
