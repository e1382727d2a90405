"""The bus suite over Kafka, with no flag lowered."""

from __future__ import annotations

import pytest

from saga.ports.bus import Bus
from saga.testing.bus_suite import BusSuite
from saga_kafka import open_bus


class TestKafkaBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, kafka_url: str) -> None:
        self.url = kafka_url

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
