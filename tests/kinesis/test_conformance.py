"""The bus suite over a stand-in for Kinesis that is faithful on resharding and iterator expiry."""

from __future__ import annotations

import pytest

from saga.ports.bus import Bus
from saga.testing.suites.bus import BusSuite
from saga_kinesis import open_bus


class TestKinesisBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _stream(self, bus_url: str) -> None:
        self.url = bus_url

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
