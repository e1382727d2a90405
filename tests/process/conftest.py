"""A fleet of real processes on databases of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this folder)
from tests.process.fleet import Fleet, prepare
from tests.runtime.world import Sql


@pytest.fixture
async def effects_url(fresh_database: Callable[[], Awaitable[str]]) -> str:
    """The database of everything that is outside the store."""
    return await fresh_database()


@pytest.fixture
async def fleet(tmp_path: Path, store_url: str, effects_url: str) -> AsyncIterator[Fleet]:  # noqa: F811
    await prepare(store_url, effects_url)
    async with Fleet(tmp_path, store_url, effects_url, lease="2", redrive="1", margin="0.5", drain="3") as fleet:
        yield fleet


@pytest.fixture
async def sql(store_url: str) -> AsyncIterator[Sql]:  # noqa: F811
    """A connection that sees the store's tables."""
    connection = await asyncpg.connect(store_url, server_settings={"search_path": "saga, public"})
    yield connection
    await connection.close()
