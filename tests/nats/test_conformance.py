"""The bus suite over NATS, without a lowered flag."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from saga.ports.bus import Bus
from saga.testing.suites.bus import BusSuite
from saga_nats import open_bus
from tests.services.nats import Shape, cluster
from tests.services.places import or_skip


class TestNatsBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, nats_url: str) -> None:
        self.url = nats_url

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")


@pytest.fixture(scope="module")
def three_servers() -> Iterator[str]:
    """Three servers: each message has three copies, and two confirm it."""
    with or_skip(cluster(Shape(nodes=3))) as servers:
        yield servers.bus_url


class TestNatsBusOfThreeServers(BusSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, three_servers: str) -> None:
        self.url = f"{three_servers}&prefix=t{uuid.uuid4().hex[:12]}."

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
