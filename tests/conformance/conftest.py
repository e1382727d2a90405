"""A migrated Postgres for each test, copied from one that was migrated once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from saga.ports.store import StoreOptions
from saga_postgres.migrate import migrate
from tests.services import postgres as services


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with the schema of the default namespace."""
    name = f"template_{uuid.uuid4().hex}"
    asyncio.run(_make_template(postgres_server, name))
    yield name
    asyncio.run(services.administer(postgres_server, f'drop database "{name}" with (force)'))


@pytest.fixture
async def store_url(postgres_server: str, migrated_template: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database of the test's own."""
    async with services.database(postgres_server, template=migrated_template) as url:
        yield url


async def _make_template(server_url: str, name: str) -> None:
    await services.administer(server_url, f'create database "{name}" template template0')
    connection = await asyncpg.connect(services.with_database(server_url, name))
    try:
        await migrate(connection, schema=StoreOptions().namespace)
    finally:
        await connection.close()
