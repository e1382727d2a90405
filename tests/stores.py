"""The stage of the store suites on Postgres: what TestPostgresStore and the tests of its direct line have in common."""

from __future__ import annotations

import pytest

from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.testing.suites.store.stage import StoreStage
from saga_postgres.adapter import PostgresAdapter


class OnPostgres(StoreStage):
    """Stores on a migrated database of the test's own."""

    @pytest.fixture(autouse=True)
    def _database(self, store_url: str) -> None:
        self.url = store_url

    async def open_store(self, options: StoreOptions) -> StoreAdapter:
        adapter = PostgresAdapter(self.url, options)
        await adapter.open()
        return adapter
