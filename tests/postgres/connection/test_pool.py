"""A statement whose caller was cancelled is cancelled in the server, too, and a session that cannot be used is ended."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from saga.errors import Unavailable
from saga_postgres.connection.pool import Pool
from tests.runtime.world import until
from tests.services.proxy import Proxy

LIMIT_SECONDS = 10.0
WAITERS = "select count(*) from pg_locks where not granted and locktype = 'advisory'"


async def until_it_waits(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await connection.fetchval(WAITERS):
            pass


async def test_a_cancelled_statement_that_waits_for_a_lock_is_not_run_later(
    pool: Pool, tables: asyncpg.Connection[asyncpg.Record]
) -> None:
    await tables.execute("create table saga.seen (number int); select pg_advisory_lock(1)")
    waiting = asyncio.create_task(pool.fetch("insert into seen select 1 from pg_advisory_xact_lock(1)"))
    await until_it_waits(tables)
    waiting.cancel()
    await asyncio.wait([waiting])
    await tables.execute("select pg_advisory_unlock(1)")

    await pool.fetch("select pg_advisory_xact_lock(1)")  # behind it, if it were still there
    assert waiting.cancelled()
    assert await tables.fetchval("select count(*) from saga.seen") == 0


async def test_a_server_that_does_not_answer_holds_up_a_cancellation_for_a_moment_only(
    postgres_url: str, tables: asyncpg.Connection[asyncpg.Record]
) -> None:
    await tables.execute("select pg_advisory_lock(1)")
    with Proxy.before(postgres_url) as proxy:
        pool = Pool(proxy.through(postgres_url), "saga", connections_max=1, application="test")
        waiting = asyncio.create_task(pool.fetch("select pg_advisory_xact_lock(1)"))
        await until_it_waits(tables)
        proxy.hold()
        waiting.cancel()
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.wait([waiting])
        proxy.release()

        assert waiting.cancelled()
        assert len(await pool.fetch("select 1")) == 1  # its place is free again
        await pool.close()


async def test_a_session_that_cannot_be_made_ready_is_ended(
    postgres_url: str, postgres: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bool:
        raise ConnectionResetError("the pooler went away")

    pool = Pool(postgres_url, "saga", connections_max=1, application="not ready")
    monkeypatch.setattr(pool, "_is_swallowing", fail)
    # The traceback of the failure keeps the session from the garbage collector
    with pytest.raises(Unavailable, match="went away") as failure:
        await pool.fetch("select 1")

    sessions = "select count(*) = 0 from pg_stat_activity where application_name = 'not ready'"
    await until(lambda: postgres.fetchval(sessions), "the session has ended")
    assert failure.traceback
