"""Processes of one event loop on a real Postgres of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga import memory
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)
from tests.runtime.world import Sql, World
from tests.services import postgres as services


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:  # noqa: F811
    """An installation on Postgres; its processes are stopped at the end."""
    async with World(store_url) as world:
        yield world
        await world.verify()


@pytest.fixture(params=["postgresql", "memory"])
async def any_world(
    request: pytest.FixtureRequest,
    postgres_server: str,
    migrated_template: str,  # noqa: F811
) -> AsyncIterator[World]:
    """The same, and once more on the memory store."""
    if request.param == "postgresql":
        async with services.database(postgres_server, template=migrated_template) as url, World(url) as world:
            yield world
            await world.verify()
        return
    url = f"memory://{request.node.name.replace('[', '_').strip(']')}"
    async with World(url) as world:
        yield world
        await world.verify()
    memory.forget(url)


@pytest.fixture
async def sql(store_url: str) -> AsyncIterator[Sql]:  # noqa: F811
    """A connection to the store's tables, for reading and for breaking them."""
    connection = await asyncpg.connect(store_url, server_settings={"search_path": "saga, public"})
    yield connection
    await connection.close()
