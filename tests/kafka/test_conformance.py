"""The bus suite over Kafka, without a lowered flag."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from saga.ports.bus import Bus
from saga.testing.suites.bus import BusSuite
from saga_kafka import open_bus
from tests.services.kafka import Shape, cluster
from tests.services.places import or_skip


class TestKafkaBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, kafka_url: str) -> None:
        self.url = kafka_url

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")


@pytest.fixture(scope="module")
def three_brokers() -> Iterator[str]:
    """Three brokers: each message has three copies, and two must be in sync."""
    with or_skip(cluster(Shape(nodes=3))) as brokers:
        yield brokers.url


class TestKafkaBusOfThreeBrokers(BusSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, three_brokers: str) -> None:
        self.url = f"{three_brokers}&prefix=t{uuid.uuid4().hex[:12]}."

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
