"""The table of a journaled service's journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga.errors import AccessRefused, SchemaMismatch, UsageError
from saga_postgres.journal.table import COLUMNS, ensure_journal

Connection = asyncpg.Connection


async def columns(connection: Connection, table: str) -> set[str]:
    rows = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0", table
    )
    return {row["attname"] for row in rows}


async def test_it_is_made_once(postgres: Connection) -> None:
    await ensure_journal(postgres)
    await postgres.execute("insert into saga_journal (saga, step, state) values (gen_random_uuid(), 0, 'X')")

    await ensure_journal(postgres)

    assert await postgres.fetchval("select count(*) from saga_journal") == 1
    assert await columns(postgres, "public.saga_journal") == COLUMNS


async def test_it_is_made_in_the_schema_asked_for(postgres: Connection) -> None:
    await postgres.execute('create schema "Stock Room"')

    await ensure_journal(postgres, "Stock Room")

    assert await columns(postgres, '"Stock Room".saga_journal') == COLUMNS
    assert await postgres.fetchval("select current_schema()") == "public"


async def test_processes_that_start_together_make_one_table(postgres_url: str) -> None:
    connections = [await asyncpg.connect(postgres_url) for _ in range(5)]

    await asyncio.gather(*map(ensure_journal, connections))

    for connection in connections:
        await connection.close()


@pytest.fixture
async def role(postgres: Connection) -> AsyncIterator[str]:
    """A role that may not create tables; the session has it until the end of the test."""
    await ensure_journal(postgres)
    name = f"inventory_{(await postgres.fetchval('select current_database()'))[-12:]}"
    await postgres.execute(f"revoke create on schema public from public; create role {name}")
    yield name
    await postgres.execute(f"reset role; drop owned by {name}; drop role {name}")


async def test_a_role_that_may_not_create_tables_uses_the_one_that_is_there(postgres: Connection, role: str) -> None:
    await postgres.execute(f"grant select, insert, update, delete on saga_journal to {role}; set role {role}")
    await ensure_journal(postgres)


async def test_a_role_that_lacks_a_right_on_the_journal_is_refused_at_the_start(
    postgres: Connection, role: str
) -> None:
    await postgres.execute(f"grant select, insert on saga_journal to {role}; set role {role}")
    with pytest.raises(AccessRefused, match=f"role {role} may not update, delete on table public.saga_journal: grant"):
        await ensure_journal(postgres)


async def test_another_table_of_this_name_is_refused(postgres: Connection) -> None:
    await postgres.execute("create table saga_journal (id integer, saga uuid)")

    with pytest.raises(SchemaMismatch, match=r"public\.saga_journal is not a journal .*lacks at, reason, result"):
        await ensure_journal(postgres)


async def test_a_schema_that_does_not_exist_is_refused(postgres: Connection) -> None:
    with pytest.raises(UsageError, match="'nowhere' of the journal does not exist"):
        await ensure_journal(postgres, "nowhere")


async def test_an_unknown_mark_is_refused(postgres: Connection) -> None:
    await ensure_journal(postgres)

    with pytest.raises(asyncpg.CheckViolationError):
        await postgres.execute("insert into saga_journal (saga, step, state) values (gen_random_uuid(), 0, 'Q')")
