"""The fixtures: databases and poolers that a test can rely on."""

from __future__ import annotations

import asyncpg


async def test_a_test_gets_an_empty_database_of_its_own(postgres: asyncpg.Connection) -> None:
    tables = "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"

    assert await postgres.fetchval(tables) == 0
    assert (await postgres.fetchval("select current_database()")).startswith("test_")


def test_a_test_without_a_loop_gets_one_too(postgres_url: str) -> None:
    assert "/test_" in postgres_url


async def test_pgbouncer_takes_the_session_away_between_transactions(pgbouncer_url: str) -> None:
    """Two connections share one server connection, so that a lock of the session of one is held by both."""
    first = await asyncpg.connect(pgbouncer_url, statement_cache_size=0)
    second = await asyncpg.connect(pgbouncer_url, statement_cache_size=0)

    assert await first.fetchval("select pg_try_advisory_lock(1)")
    assert await second.fetchval("select pg_try_advisory_lock(1)")

    await first.close()
    await second.close()
