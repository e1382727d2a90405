"""What a run adds outside the store can be reached, also where the servers have an account of their own."""

from __future__ import annotations

import asyncio
from typing import cast

from saga.ports.store import StoreOptions
from saga_postgres.adapter import PostgresAdapter
from tests.chaos.ground import Ground
from tests.chaos.outside import BUSES

NO_GROUND = cast("Ground", None)


async def test_a_postgres_of_its_own_is_the_bus_and_comes_back() -> None:
    async with BUSES["postgres"]() as outside:
        for fault in (None, *outside.faults.values()):
            if fault is not None:
                await fault(NO_GROUND)
            adapter = PostgresAdapter(outside.settings["SAGA_BUS"], StoreOptions())
            async with asyncio.timeout(30):
                await adapter.open()
            await adapter.close()
