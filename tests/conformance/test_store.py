"""The store suite over memory and Postgres."""

from __future__ import annotations

import pytest

from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.testing.clocks.hand_clock import HandClock
from saga.testing.suites.store.suite import StoreSuite
from saga_postgres.adapter import PostgresAdapter
from tests.services import postgres as services
from tests.stores import OnPostgres


class TestMemoryStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _database(self) -> None:
        self.clock = HandClock(1_000.0)
        self.database = Database(self.clock, epoch=1_700_000_000.0)

    async def open_store(self, options: StoreOptions) -> StoreAdapter:
        return MemoryAdapter(self.database, options)

    async def cut(self, adapter: StoreAdapter) -> None:
        assert isinstance(adapter, MemoryAdapter)
        adapter.cut()

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)


class TestPostgresStore(OnPostgres, StoreSuite):
    async def cut(self, adapter: StoreAdapter) -> None:
        """Ends the session on the server."""
        assert isinstance(adapter, PostgresAdapter)
        session = adapter.membership._connection
        assert session is not None
        await services.administer(self.url, f"select pg_terminate_backend({session.get_server_pid()})")
