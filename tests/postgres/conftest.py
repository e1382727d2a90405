"""A database with Saga's tables in it, for the tests of the adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga.ports.adapter import StoreOptions
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.connection.pool import Pool
from saga_postgres.schema.migrate import migrate
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)


@pytest.fixture
async def tables(postgres: asyncpg.Connection[asyncpg.Record]) -> asyncpg.Connection[asyncpg.Record]:
    """A connection that sees the tables of the namespace `saga`."""
    await migrate(postgres, schema="saga")
    await postgres.execute("set search_path to saga")
    return postgres


@pytest.fixture
async def pool(postgres_url: str, tables: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[Pool]:  # noqa: ARG001
    """A pool as the adapter uses it."""
    pool = Pool(postgres_url, "saga", connections_max=4, application="test")
    yield pool
    await pool.close()


@pytest.fixture
async def adapter(
    postgres_url: str,
    tables: asyncpg.Connection[asyncpg.Record],  # noqa: ARG001 (makes them)
) -> AsyncIterator[PostgresAdapter]:
    """The adapter, open, of a process that has not joined."""
    adapter = PostgresAdapter(postgres_url, StoreOptions())
    await adapter.open()
    yield adapter
    await adapter.close()
