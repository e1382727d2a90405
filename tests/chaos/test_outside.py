"""The servers of a run outside the store can be reached, also if they run under an account of their own."""

from __future__ import annotations

import asyncio
from typing import cast

from saga.ports.adapter import StoreOptions
from saga_postgres.adapter import PostgresAdapter
from tests.chaos.system.environment import Ground
from tests.chaos.system.external_systems import BUSES, Outside

NO_GROUND = cast("Ground", None)  # these faults are of the bus alone
TIMEOUT_SECONDS = 30.0


async def test_a_postgres_of_its_own_is_the_bus_and_comes_back() -> None:
    async with BUSES["postgres"]() as outside:
        await _reach(outside)
        for fault in outside.faults.values():
            await fault(NO_GROUND)
            await _reach(outside)


async def _reach(outside: Outside) -> None:
    adapter = PostgresAdapter(outside.settings["SAGA_BUS"], StoreOptions())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await adapter.open()
    await adapter.close()
