"""The bus suite over memory and Postgres."""

from __future__ import annotations

import pytest

from saga.memory.bus import Broker, MemoryBus
from saga.ports.bus import Bus
from saga.testing.suites.bus import BusSuite
from saga_postgres import open_bus


class TestMemoryBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _broker(self) -> None:
        self.broker = Broker()

    async def open_bus(self) -> Bus:
        return MemoryBus(self.broker)


class TestPostgresBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _database(self, store_url: str) -> None:
        self.url = store_url

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
