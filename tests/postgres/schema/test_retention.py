"""Housekeeping: what goes, and what must stay."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from saga_postgres.connection.pool import Pool
from saga_postgres.schema import retention as module
from saga_postgres.schema.retention import PostgresRetention
from tests.postgres.rows import Tables, add_command, add_definition, add_event, add_saga

DAY = 86400.0
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "Asia/Kathmandu")
TABLES = ("saga", "step", "command", "start_key", "event")


@pytest.fixture
def retention(pool: Pool) -> PostgresRetention:
    return PostgresRetention(pool)


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


async def test_a_walk_goes_on_behind_old_sagas_that_still_run(
    retention: PostgresRetention, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SAGAS_MAX", 2)
    monkeypatch.setattr(module, "BATCHES_MAX", 2)
    definition = await add_definition(tables)
    running = {await add_saga(tables, definition, "DPP", age_seconds=3 * DAY) for _ in range(5)}
    await add_saga(tables, definition, "SSS", phase="D", age_seconds=2 * DAY)

    assert [await retention.purge(DAY, 100) for _ in range(2)] == [0, 1]

    assert await left(tables) == running


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


async def partitions(tables: Tables) -> set[str]:
    rows = await tables.fetch(
        "select inhrelid::regclass::text as relname from pg_inherits where inhparent = 'event'::regclass"
    )
    return {row["relname"] for row in rows}


async def test_history_has_partitions_for_the_days_ahead(retention: PostgresRetention, tables: Tables) -> None:
    await retention.keep_history(30)
    await retention.keep_history(30)

    days = await tables.fetch(
        "select to_char((now() at time zone 'UTC')::date + n, '\"event_\"YYYYMMDD') as name from generate_series(0, 2) n"
    )
    assert await partitions(tables) == {"event_default", *(row["name"] for row in days)}


async def test_days_are_those_of_utc_in_every_time_zone(pool: Pool, tables: Tables) -> None:
    for zone in ZONES:
        await tables.execute(f"set timezone = '{zone}'; set datestyle = 'SQL, DMY'")
        await tables.execute("select ensure_event_days(2)")
        await tables.execute("select drop_event_days(30)")

    days = await pool.fetch("select begins, ends from event_days() order by begins")
    assert len(days) == 3
    assert all(day["begins"].timestamp() % DAY == 0 and day["ends"] - day["begins"] == timedelta(1) for day in days)


@pytest.mark.parametrize("zone", ZONES)
async def test_new_days_follow_those_that_were_cut_in_another_time_zone(
    retention: PostgresRetention, tables: Tables, zone: str
) -> None:
    await tables.execute(f"set timezone = '{zone}'")
    for n in (0, 1):  # as earlier builds did
        day, following = [await tables.fetchval("select (current_date + $1::int)::text", n + more) for more in (0, 1)]
        name = f"event_{day.replace('-', '')}"
        await tables.execute(f"create table {name} partition of event for values from ('{day}') to ('{following}')")

    await retention.keep_history(30)

    assert await tables.fetchval("select max(ends) - now() from event_days()") > timedelta(days=2)
    assert await tables.fetchval("select count(*) from event_days()") >= 3


async def test_days_of_history_that_are_too_old_are_dropped(retention: PostgresRetention, tables: Tables) -> None:
    await tables.execute(
        "create table event_20200101 partition of event for values from ('2020-01-01') to ('2020-01-02')"
    )
    await tables.execute(
        "insert into event (saga, at, kind) values (gen_random_uuid(), '2020-01-01 10:00Z', 'started')"
    )
    await tables.execute(
        "insert into event (saga, at, kind) values (gen_random_uuid(), '2020-02-01 10:00Z', 'started')"
    )

    await retention.keep_history(30)

    assert "event_20200101" not in await partitions(tables)
    assert await tables.fetchval("select count(*) from event") == 0


async def test_history_that_is_young_enough_stays(retention: PostgresRetention, tables: Tables) -> None:
    await retention.keep_history(30)
    await tables.execute("insert into event (saga, at, kind) values (gen_random_uuid(), now(), 'started')")
    before = await partitions(tables)

    await retention.keep_history(0.5)

    assert await partitions(tables) == before
    assert await tables.fetchval("select count(*) from event") == 1
