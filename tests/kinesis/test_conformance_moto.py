"""The bus suite over moto, a widespread stand-in, reached by the same setting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saga.ports.bus import Bus
from saga.testing.suites.bus import BusSuite
from saga_kinesis import open_bus
from tests.services import kinesis as services


@pytest.fixture(scope="module")
def moto_endpoint() -> Iterator[str]:
    with services.moto() as endpoint:
        yield endpoint


class TestKinesisBusOnMoto(BusSuite):
    @pytest.fixture(autouse=True)
    def _stream(self, moto_endpoint: str, leases_url: str, prefix: str) -> None:
        self.url = services.bus_url(moto_endpoint, leases_url, prefix=prefix)

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
