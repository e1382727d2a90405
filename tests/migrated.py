"""Databases with Saga's tables in them, each a copy of one that was migrated once. A conftest.py imports what it wants to offer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator

import asyncpg
import pytest

from saga.ports.adapter import StoreOptions
from saga_postgres.schema.migrate import migrate
from tests.services import postgres as services


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with the schema of the default namespace."""
    name = f"template_{uuid.uuid4().hex}"
    _run(make_template(postgres_server, name))
    yield name
    _run(services.administer(postgres_server, f'drop database "{name}" with (force)'))


@pytest.fixture
async def store_url(postgres_server: str, migrated_template: str) -> AsyncIterator[str]:
    """The URL of an empty, migrated database of the test's own."""
    async with services.database(postgres_server, template=migrated_template) as url:
        yield url


def _run(claim: Coroutine[None, None, None]) -> None:
    """Runs it like `asyncio.run`, which would discard, unclosed, the loop that pytest-asyncio has set for this thread."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(claim)


async def make_template(server_url: str, name: str) -> None:
    await services.administer(server_url, f'create database "{name}" template template0')
    await migrate_database(services.with_database(server_url, name))


async def migrate_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, schema=StoreOptions().namespace)
    finally:
        await connection.close()
