"""The servers of a run outside the store can be reached, also if they run under an account of their own."""

from __future__ import annotations

import asyncio
from typing import cast

from saga.ports.adapter import StoreOptions
from saga_postgres.adapter import PostgresAdapter
from tests.chaos.system.external_systems import BUSES, ExternalSystem
from tests.chaos.system.site import Site

NO_SITE = cast("Site", None)  # these faults are of the bus alone
TIMEOUT_SECONDS = 30.0


async def test_a_postgres_of_its_own_is_the_bus_and_comes_back() -> None:
    async with BUSES["postgres"]() as outside:
        await _reach(outside)
        for fault in outside.faults.values():
            await fault(NO_SITE)
            await _reach(outside)


async def _reach(outside: ExternalSystem) -> None:
    adapter = PostgresAdapter(outside.settings["SAGA_BUS"], StoreOptions())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await adapter.open()
    await adapter.close()
