"""The rights of the role of the participants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga.errors import UsageError
from saga_postgres.schema.grants import grant, grants
from tests.postgres.rows import Tables, add_definition, add_event, add_saga

PURGED = "select purged from saga.purge_batch('00000000-0000-0000-0000-000000000000', 60, 10)"


@pytest.fixture
async def participant(tables: Tables) -> AsyncIterator[Tables]:
    """The connection, as the role of the participants."""
    role = f"role_{(await tables.fetchval('select current_database()'))[-12:]}"
    saga = await add_saga(tables, await add_definition(tables), "SSS", phase="D", age_seconds=1000)
    await add_event(tables, saga, "completed")
    assert await grant(tables, namespace="saga", role=role)
    await tables.execute(f"set role {role}")
    yield tables
    await tables.execute(f"reset role; drop owned by {role}; drop role {role}")


async def test_the_role_can_run_sagas(participant: Tables) -> None:
    await participant.execute("update saga set version = version + 1")
    await participant.execute("insert into audit (actor, action) values ('ada', 'retry')")
    await participant.execute("select nextval('participant_id'), nextval('bus_member_id')")
    await participant.execute("select * from overview; select * from waiting; select * from schema_migration")
    await participant.execute("select * from poll('{service}', 1, 10, 1, 30, true)")
    await participant.execute("select bus_publish('{t}', '{k}', '{b}', array['{}']::jsonb[], 'c', '')")


@pytest.mark.parametrize(
    "statement",
    [
        "drop table saga",
        "create table loot (id integer)",
        "alter table saga add column loot text",
        "delete from audit",
        "update event set detail = 'it never happened'",
        "delete from event",
        "delete from event_default",
        "update schema_migration set sha256 = ''",
        "truncate saga",
    ],
)
async def test_the_role_can_change_neither_the_tables_nor_the_history(participant: Tables, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await participant.execute(statement)


async def test_the_role_purges_with_the_rights_of_the_owner(participant: Tables) -> None:
    assert await participant.fetchval(PURGED) == 1
    assert await participant.fetchval("select ensure_event_days(1)") >= 1
    await participant.execute("select drop_event_days(30)")


async def test_house_keeping_is_not_led_astray_by_temporary_tables(participant: Tables) -> None:
    await participant.execute("create temporary table saga (id uuid, ended_at timestamptz)")

    assert await participant.fetchval(PURGED) == 1


async def test_another_role_sees_nothing(participant: Tables) -> None:
    role = await participant.fetchval("select current_user::text || '_other'")
    await participant.execute(f"reset role; create role {role}; set role {role}")

    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await participant.execute("select * from saga.saga")
    finally:
        await participant.execute(f"reset role; drop role {role}")


async def test_granting_again_changes_nothing(participant: Tables) -> None:
    role = await participant.fetchval("select current_user::text")
    await participant.execute("reset role")

    assert not await grant(participant, namespace="saga", role=role)


def test_the_sql_can_be_read_before_it_is_run() -> None:
    sql = grants("shop", "payments")

    assert 'grant usage on schema "shop" to "payments"' in sql
    assert ":role" not in sql.replace(":schema and :role", "")


@pytest.mark.parametrize("role", ["", "public", "Payments", 'x"; drop', "1x"])
def test_a_role_that_needs_quoting_is_refused(role: str) -> None:
    with pytest.raises(UsageError, match="cannot be a role"):
        grants("shop", role)


async def test_only_a_role_that_serves_the_api_reads_tokens(tables: Tables) -> None:
    role = f"api_{(await tables.fetchval('select current_database()'))[-12:]}"
    await grant(tables, namespace="saga", role=role)
    rights = "select has_table_privilege($1, 'token', 'select')"
    before = await tables.fetchval(rights, role)

    await grant(tables, namespace="saga", role=role, serves_api=True)
    after = await tables.fetchval(rights, role)
    await tables.execute(f"drop owned by {role}; drop role {role}")

    assert (before, after) == (False, True)
