"""Housekeeping: what goes, and what must stay."""

from __future__ import annotations

from uuid import UUID

import pytest

from saga.errors import SagaError
from saga_postgres.connection.pool import Pool
from saga_postgres.schema import retention as module
from saga_postgres.schema.retention import PostgresRetention
from tests.postgres.rows import Tables, add_command, add_definition, add_event, add_saga, transaction_of

DAY = 86400.0
TABLES = ("saga", "step", "command", "start_key", "event")


@pytest.fixture
def retention(pool: Pool) -> PostgresRetention:
    return PostgresRetention(pool)


async def one_round(retention: PostgresRetention, limit: int) -> int:
    """Purges until a call says that all have been looked at."""
    count = 0
    while (purged := await retention.purge(DAY, limit)) == limit:
        count += purged
    return count + purged


async def left(tables: Tables) -> set[UUID]:
    return {row["id"] for row in await tables.fetch("select id from saga")}


async def test_sagas_that_ended_long_ago_go(retention: PostgresRetention, tables: Tables) -> None:
    definition = await add_definition(tables)
    old = [await add_saga(tables, definition, "SSS", phase=phase, age_seconds=2 * DAY) for phase in "DZX"]
    young = await add_saga(tables, definition, "SSS", phase="D", age_seconds=DAY / 2)

    assert await retention.purge(DAY, 100) == len(old)

    assert await left(tables) == {young}


async def test_a_saga_that_still_runs_stays_however_old_it_is(retention: PostgresRetention, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP", age_seconds=1000 * DAY)

    assert await retention.purge(0, 100) == 0

    assert await left(tables) == {saga}


async def test_a_saga_that_started_long_ago_and_ended_just_now_stays(
    retention: PostgresRetention, tables: Tables
) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SSS", phase="D", age_seconds=2 * DAY)
    await tables.execute("update saga set ended_at = now()")

    await retention.purge(DAY, 100)

    assert await left(tables) == {saga}


async def test_everything_that_belongs_to_a_saga_goes_with_it(retention: PostgresRetention, tables: Tables) -> None:
    definition = await add_definition(tables)
    for age in (2 * DAY, 0):
        saga = await add_saga(tables, definition, "SSS", phase="D", age_seconds=age)
        await tables.execute("insert into step values ($1, 0, now(), null, 1)", saga)
        await tables.execute("insert into start_key values ('order', $1::text, $2, '')", str(saga), saga)
        await add_command(tables, saga, 1)
        await add_event(tables, saga, "completed")

    await retention.purge(DAY, 100)

    assert [await tables.fetchval(f"select count(*) from {table}") for table in TABLES] == [1] * len(TABLES)  # noqa: S608


async def test_a_purge_stops_at_its_limit(retention: PostgresRetention, tables: Tables) -> None:
    definition = await add_definition(tables)
    for n in range(5):
        await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY + n)

    assert [await retention.purge(DAY, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_nothing_that_can_be_purged_waits_for_what_stands_before_it(
    retention: PostgresRetention, tables: Tables, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SAGAS_MAX", 2)
    monkeypatch.setattr(module, "WALK_SAGAS_MAX", 3)
    definition = await add_definition(tables)
    layouts = ["R" * 10 + "DDDDD", "RDRDRRRRRRDRD", "LRRRRLLLD", "DDDDDDRRRRRRR", "D", "RRRRRR", "LLLDDDD"]
    for layout in layouts:
        made = [
            await add_saga(
                tables, definition, "SSS", phase="R" if kind == "R" else "D", age_seconds=2 * DAY - place, reason=kind
            )
            for place, kind in enumerate(layout)
        ]
        finished = {saga for saga, kind in zip(made, layout, strict=True) if kind == "D"}
        async with transaction_of(postgres_url, "select from saga where reason = 'L' for update"):
            purged = await one_round(retention, 2)
        assert (purged, await left(tables)) == (len(finished), {*made} - finished), layout

        assert await one_round(retention, 100) == layout.count("L")  # the round after that has those that were locked
        await tables.execute("delete from saga")


async def test_a_call_ends_behind_the_last_old_saga_however_many_run_before_it(
    retention: PostgresRetention, tables: Tables
) -> None:
    definition = await add_definition(tables)
    await add_saga(tables, definition, "DPP", age_seconds=3 * DAY)
    await tables.execute(
        "insert into saga (id, definition, phase, wake_at, started_at, vector, input)"
        " select gen_random_uuid(), definition, phase, wake_at, started_at, vector, input from saga, generate_series(1, 25000)"
    )
    await tables.execute("update saga set id = ('00000000' || substr(id::text, 9))::uuid")
    await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY)

    assert await retention.purge(DAY, 100) == 1


async def test_processes_of_an_older_build_look_at_no_more_sagas_than_they_may_delete(tables: Tables) -> None:
    definition = await add_definition(tables)
    running = [await add_saga(tables, definition, "DPP", age_seconds=3 * DAY - n) for n in range(2)]
    ended = await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY)
    query = "select last, visited, purged from purge_batch($1, $2, 2)"

    first = await tables.fetch(query, UUID(int=0), DAY)
    second = await tables.fetch(query, running[1], DAY)

    assert [tuple(row) for row in first] == [(running[1], 2, 0)]
    assert [tuple(row) for row in second] == [(None, 1, 1)]
    assert ended not in await left(tables)


async def test_a_walk_begins_again_after_its_end(retention: PostgresRetention, tables: Tables) -> None:
    definition = await add_definition(tables)
    saga = await add_saga(tables, definition, "DPP", age_seconds=3 * DAY)
    await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY)
    await retention.purge(DAY, 100)
    await tables.execute("update saga set phase = 'D', ended_at = now() - interval '2 days' where id = $1", saga)

    assert await retention.purge(DAY, 100) == 1


async def test_a_locked_saga_is_left_for_the_next_time(retention: PostgresRetention, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SSS", phase="D", age_seconds=2 * DAY)

    async with tables.transaction():
        await tables.execute("select from saga where id = $1 for update", saga)
        assert await retention.purge(DAY, 100) == 0

    assert await retention.purge(DAY, 100) == 1


async def test_a_saga_whose_command_a_hanging_process_has_locked_is_left_for_the_next_time(
    retention: PostgresRetention, tables: Tables, postgres_url: str
) -> None:
    definition = await add_definition(tables)
    held, free = [await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY) for _ in range(2)]
    for saga in (held, free):
        await add_command(tables, saga, 1)
    async with transaction_of(postgres_url, "select from command where saga = $1 for no key update", held):
        assert await retention.purge(DAY, 100) == 1
        assert await left(tables) == {held}

    assert await retention.purge(DAY, 100) == 1


async def test_a_purge_goes_on_behind_a_batch_that_fails(
    retention: PostgresRetention, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SAGAS_MAX", 1)
    definition = await add_definition(tables)
    bad = await add_saga(tables, definition, "SSS", phase="D", age_seconds=3 * DAY, reason="bad")
    good = await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY)
    await tables.execute(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23000'; end $$;"
        "create trigger no before delete on saga for each row when (old.reason = 'bad') execute function no()"
    )

    with pytest.raises(SagaError):
        await retention.purge(DAY, 100)
    assert await left(tables) == {bad, good}
    await retention.purge(DAY, 100)

    assert await left(tables) == {bad}
