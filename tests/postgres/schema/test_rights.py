"""The rights of the role of the participants on each table, view and sequence, and on days of the history that come later."""

from __future__ import annotations

import asyncpg
import pytest

from saga_postgres.schema.grants import grant
from tests.postgres.rows import Tables, add_definition, add_saga

RIGHTS = {
    "command": "select insert update delete",
    "participant": "select insert update delete",
    "bus_message": "select insert update delete",
    "saga": "select insert",  # and update of its state, see below
    "definition": "select insert update",
    "contract": "select insert update",
    "leader": "select insert update",
    "bus_member": "select insert delete",
    "inbox": "select insert",  # and update of whether it was consumed, see below
    "step": "select insert",
    "start_key": "select insert",
    "definition_step": "select insert",
    "event": "select insert",
    "audit": "select insert",
    "bus_group": "select insert",
    "secret": "select",
    "schema_migration": "select",
    **dict.fromkeys(("overview", "steps", "stuck", "waiting", "alive"), "select"),
    "schedule": "select insert update",
    "schedule_run": "select insert delete",
    "schedules": "select",
    **dict.fromkeys(("participant_id", "bus_member_id"), "usage"),
}
"""Every relation that is not named here: none."""
HELD = (
    "select c.relname as relation, lower(string_agg(a.privilege_type, ' ')) as rights"
    " from pg_class c, aclexplode(c.relacl) a"
    " where c.relnamespace = 'saga'::regnamespace and a.grantee = $1::regrole group by c.relname"
)
OLD_DAY = "create table saga.event_20200101 partition of saga.event for values from ('2020-01-01') to ('2020-01-02')"


@pytest.fixture
async def role(tables: Tables) -> str:
    """The name of a role that the tables are granted to."""
    name = f"role_{(await tables.fetchval('select current_database()'))[-12:]}"
    await grant(tables, namespace="saga", role=name)
    return name


@pytest.fixture(autouse=True)
async def _dropped(tables: Tables, role: str) -> object:
    yield
    await tables.execute(f"reset role; drop owned by {role}; drop role {role}")


async def held(tables: Tables, role: str) -> dict[str, set[str]]:
    return {row["relation"]: set(row["rights"].split()) for row in await tables.fetch(HELD, role)}


async def test_the_role_has_these_rights_and_no_others(tables: Tables, role: str) -> None:
    await tables.execute("select ensure_event_days(2)")

    assert await held(tables, role) == {relation: set(rights.split()) for relation, rights in RIGHTS.items()}


async def test_rights_that_an_earlier_build_granted_are_taken_back(tables: Tables, role: str) -> None:
    await tables.execute(
        f"alter default privileges in schema saga grant select, insert, update, delete on tables to {role}"
    )
    await tables.execute(OLD_DAY)
    await tables.execute(f"grant select, insert, update, delete on all tables in schema saga to {role}")

    await grant(tables, namespace="saga", role=role)
    await tables.execute("create table saga.later ()")

    assert await held(tables, role) == {relation: set(rights.split()) for relation, rights in RIGHTS.items()}


async def test_a_day_that_is_made_has_no_rights_even_where_an_earlier_build_granted_them_in_advance(
    tables: Tables, role: str
) -> None:
    await tables.execute(
        f"alter default privileges in schema saga grant select, insert, update, delete on tables to {role}"
    )

    await tables.execute("select ensure_event_days(2)")

    assert await held(tables, role) == {relation: set(rights.split()) for relation, rights in RIGHTS.items()}


@pytest.mark.parametrize("what", ["update {0} set detail = 'no'", "delete from {0}", "truncate {0}", "table {0}"])
async def test_a_day_of_the_history_cannot_be_reached_except_through_the_history(
    tables: Tables, role: str, what: str
) -> None:
    await tables.execute("select ensure_event_days(0)")
    day = await tables.fetchval("select to_char(current_date, '\"event_\"YYYYMMDD')")
    await tables.execute(f"set role {role}")
    await tables.execute("insert into event (saga, at, kind) values (gen_random_uuid(), now(), 'started')")

    for table in (day, "event_default"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tables.execute(what.format(table))

    assert await tables.fetchval("select count(*) from event") == 1


@pytest.mark.parametrize("table", ["saga", "inbox", "step", "start_key", "definition", "event", "audit"])
async def test_what_happened_cannot_be_deleted(tables: Tables, role: str, table: str) -> None:
    await tables.execute(f"set role {role}")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tables.execute(f"delete from {table}")  # noqa: S608


@pytest.mark.parametrize("column", ["id", "definition", "started_at", "tags", "trace", "input"])
async def test_what_a_saga_was_started_with_cannot_be_changed(tables: Tables, role: str, column: str) -> None:
    await tables.execute(f"set role {role}")
    await tables.execute("update saga set vector = vector, phase = phase")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tables.execute(f"update saga set {column} = {column}")  # noqa: S608


async def test_an_event_that_was_sent_cannot_be_changed(tables: Tables, role: str) -> None:
    await tables.execute(f"set role {role}")
    await tables.execute("update inbox set consumed_by = 1")

    for column in ("id", "name", "payload", "at"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tables.execute(f"update inbox set {column} = {column}")  # noqa: S608


async def test_the_role_sends_events_and_wakes_sagas(tables: Tables, role: str) -> None:
    """Also right after the migration: new functions have their rights before the role is granted those on new tables."""
    await tables.execute(f"revoke all on inbox from {role}; set role {role}")
    assert await tables.fetchval("select wake_overlooked('saga_saga_')") == 0

    await tables.execute(f"reset role; grant select, insert on inbox to {role}; set role {role}")
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    assert await tables.fetchval("select send_events(array[$1::uuid], '{r-1}', '{review}', '{1}')", saga) == ["KEPT"]
    await tables.execute("select wake_sagas(array[$1::uuid], 'saga_saga_')", saga)
    assert await tables.fetchval("select is_woken from inbox")
