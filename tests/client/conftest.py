"""A shop on a real PostgreSQL, served over HTTP, and both connections to it: over the store and over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

import saga
from saga.api.server import served
from saga.ports.access.tokens import new_token
from tests.cli.counter import Counter, counter_on
from tests.migrated import migrated_template  # noqa: F401 (a fixture)
from tests.services import postgres as services


@dataclass
class Installation:
    """The shop, the address of its API, and a token of an admin."""

    shop: Counter
    link: str
    token: str

    async def new_token(self, name: str, role: str) -> str:
        text, line = new_token(name, role, "a test", None)
        await self.shop.away.adapter.tokens.add(line)
        return text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(postgres_server: str, migrated_template: str) -> AsyncIterator[Installation]:  # noqa: F811
    async with (
        services.database(postgres_server, template=migrated_template) as url,
        counter_on(url) as shop,
        served(shop.away, "127.0.0.1:0") as link,
    ):
        found = Installation(shop, link, "")
        found.token = await found.new_token("ann", "admin")
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["store", "api"])
async def sagas(request: pytest.FixtureRequest, installation: Installation) -> AsyncIterator[saga.Sagas]:
    """The same installation, by each of the two connections."""
    if request.param == "store":
        yield installation.shop.away
        return
    async with saga.connect(api=installation.link, token=installation.token) as connected:
        yield connected


@pytest.fixture
def shop(installation: Installation) -> Iterator[Counter]:
    """The shop; what a test has blocked in it goes on afterwards."""
    yield installation.shop
    installation.shop.faults.clear()
    for name in list(installation.shop.blocked):
        installation.shop.release(name)
