"""A journaled participant behind a pooler in transaction mode: its journal needs nothing that outlives a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from saga.ports.journal import JournalRow, Mark
from saga_postgres.journal.journal import PostgresJournal
from tests.services import postgres as services

STEPS = 40
ROW = JournalRow(Mark.EXECUTED, b"1", None)


@pytest.fixture(params=["refuses settings", "swallows settings"])
async def pooled_url(
    request: pytest.FixtureRequest, pgbouncer_server: str, silent_pgbouncer_server: str
) -> AsyncIterator[str]:
    """The URL of a database through a PgBouncer."""
    server = pgbouncer_server if request.param == "refuses settings" else silent_pgbouncer_server
    async with services.database(server) as url:
        yield url


@pytest.fixture
async def journal(pooled_url: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(pooled_url, connections_max=5, application="test")
    await journal.open()
    yield journal
    await journal.close()


async def test_steps_are_journaled_side_by_side(journal: PostgresJournal) -> None:
    sagas = [uuid4() for _ in range(STEPS)]

    async def step(saga: UUID) -> bool:
        async with journal.transaction() as transaction:
            assert await transaction.find(saga, 0) is None
            assert await transaction.connection.fetchval("select $1::int + 1", 1) == 2
            return await transaction.write(saga, 0, ROW)

    assert all(await asyncio.gather(*map(step, sagas)))
    assert await journal.sagas(UUID(int=0), 2 * STEPS) == sorted(sagas)
    assert await journal.purge(sagas) == STEPS


async def test_what_a_stranger_has_left_in_a_session_of_the_server_does_not_matter(
    journal: PostgresJournal, pooled_url: str
) -> None:
    stranger = await asyncpg.connect(pooled_url, statement_cache_size=0)
    await stranger.execute("create schema elsewhere; set search_path to elsewhere")
    await stranger.close()
    saga = uuid4()

    other = PostgresJournal(pooled_url, connections_max=1, application="test")
    await other.open()
    async with other.transaction() as transaction:
        assert await transaction.write(saga, 0, ROW)
    await other.close()

    assert await journal.sagas(UUID(int=0), 10) == [saga]
