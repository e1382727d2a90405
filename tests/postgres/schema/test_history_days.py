"""The days of the history: made ahead, dropped when they are old, and nobody waits for either."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest

from saga.errors import Unavailable
from saga_postgres.connection.pool import Pool
from saga_postgres.schema import retention as module
from saga_postgres.schema.retention import PostgresRetention
from tests.postgres.rows import Tables, transaction_of
from tests.runtime.world import until

DAY_SECONDS = 86_400.0
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "Asia/Kathmandu")
READ = "select count(*) from event"
OLD_DAYS = ("20200101", "20200102", "20200103")
WAIT_SECONDS_MAX = 5.0
"""More than the timeout of a lock, less than the transaction that holds it."""


@pytest.fixture
def retention(pool: Pool) -> PostgresRetention:
    return PostgresRetention(pool)


async def add_old_days(tables: Tables) -> None:
    for day in OLD_DAYS:
        await tables.execute(
            f"create table event_{day} partition of event for values from ('{day}') to ('{day}'::date + 1)"
        )


async def add_line(tables: Tables, at: str = "now()", count: int = 1, detail: str = "") -> None:
    lines = f"select gen_random_uuid(), {at}, 'started', $2 from generate_series(1, $1)"  # noqa: S608
    await tables.execute(f"insert into event (saga, at, kind, detail) {lines}", count, detail)


async def partitions(tables: Tables) -> set[str]:
    rows = await tables.fetch(
        "select inhrelid::regclass::text as relname from pg_inherits where inhparent = 'event'::regclass"
    )
    return {row["relname"] for row in rows}


async def test_history_has_partitions_for_the_days_ahead(retention: PostgresRetention, tables: Tables) -> None:
    await retention.keep_history(30)
    await retention.keep_history(30)

    days = await tables.fetch(
        "select to_char((now() at time zone 'UTC')::date + n, '\"event_\"YYYYMMDD') as name"
        " from generate_series(0, $1) n",
        module.HISTORY_DAYS_AHEAD,
    )
    assert await partitions(tables) == {"event_default", *(row["name"] for row in days)}


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


async def test_a_day_is_made_while_the_history_is_read_for_long_or_later_and_nobody_waits(
    retention: PostgresRetention, tables: Tables, postgres_url: str
) -> None:
    async with transaction_of(postgres_url, READ), asyncio.timeout(WAIT_SECONDS_MAX):
        await retention.prepare_history()
        await add_line(tables)
        assert await partitions(tables) == {"event_default"}

    await tables.execute("truncate event_default")
    await retention.prepare_history()

    assert len(await partitions(tables)) == module.HISTORY_DAYS_AHEAD + 2


async def test_an_old_day_that_is_read_for_long_is_dropped_later_and_nobody_waits(
    retention: PostgresRetention, tables: Tables, postgres_url: str
) -> None:
    await retention.prepare_history()
    await add_old_days(tables)
    async with transaction_of(postgres_url, READ), asyncio.timeout(WAIT_SECONDS_MAX):
        with pytest.raises(Unavailable):
            await retention.keep_history(30)
        await add_line(tables)
        assert {f"event_{day}" for day in OLD_DAYS} <= await partitions(tables)

    await retention.keep_history(30)

    assert not {f"event_{day}" for day in OLD_DAYS} & await partitions(tables)


async def test_a_line_that_waits_while_its_day_is_attached_is_written(
    tables: Tables, pool: Pool, postgres_url: str
) -> None:
    async with transaction_of(postgres_url, "select ensure_event_days(0)"):
        writing = asyncio.create_task(
            pool.fetch("insert into event (saga, at, kind) values (gen_random_uuid(), now(), 'started')")
        )
        await until(lambda: tables.fetchval("select exists (select from pg_locks where not granted)"), "it waits")

    await writing

    assert await tables.fetchval(READ) == 1
    assert await tables.fetchval("select count(*) from event_default") == 0


async def test_each_old_day_is_dropped_in_a_transaction_of_its_own(tables: Tables) -> None:
    await add_old_days(tables)

    assert await tables.fetchval("select drop_event_days(30)") == 1

    assert await partitions(tables) == {"event_default", "event_20200102", "event_20200103"}


async def test_old_lines_without_a_day_are_deleted_some_pages_at_a_time(
    retention: PostgresRetention, tables: Tables
) -> None:
    await add_line(tables, "now() - interval '40 days'", count=12_000, detail="x" * 1_000)
    await add_line(tables)

    (first,) = await tables.fetch("select next, purged from purge_event_default(30, 0)")
    assert first["next"] == 1_000
    assert 0 < first["purged"] < 12_000
    await retention.keep_history(30)

    assert await tables.fetchval(READ) == 1


async def test_no_day_is_attached_while_the_default_partition_is_too_large_to_be_read_under_a_lock(
    retention: PostgresRetention, tables: Tables
) -> None:
    await add_line(tables, "now() - interval '40 days'", count=75_000, detail="x" * 1_000)

    await retention.prepare_history()
    assert await partitions(tables) == {"event_default"}

    await retention.keep_history(30)
    await tables.execute("vacuum event_default")
    await retention.prepare_history()
    assert len(await partitions(tables)) == module.HISTORY_DAYS_AHEAD + 2


@pytest.mark.parametrize("age", ["-1", "'-infinity'", "'NaN'", "null"])
@pytest.mark.parametrize(
    "call",
    [
        "drop_event_days({0})",
        "purge_event_default({0}, 0)",
        "purge_batch('00000000-0000-0000-0000-000000000000', {0}, 10)",
    ],
)
async def test_what_is_recorded_now_cannot_be_deleted_by_an_age_that_is_none(
    tables: Tables, call: str, age: str
) -> None:
    await tables.execute("select ensure_event_days(0)")
    await add_line(tables)
    before = await partitions(tables)

    with suppress(asyncpg.InvalidParameterValueError):
        await tables.execute(f"select {call.format(age)}")

    assert await partitions(tables) == before
    assert await tables.fetchval(READ) == 1


@pytest.mark.parametrize("days", [-1, 2**31 - 1])
async def test_no_more_than_a_month_of_days_is_made(tables: Tables, days: int) -> None:
    await tables.execute("select ensure_event_days($1)", days)

    assert len(await partitions(tables)) == (1 if days < 0 else 33)


async def test_days_are_those_of_utc_in_every_time_zone(pool: Pool, tables: Tables) -> None:
    for zone in ZONES:
        await tables.execute(f"set timezone = '{zone}'; set datestyle = 'SQL, DMY'")
        await tables.execute("select ensure_event_days(2)")
        await tables.execute("select drop_event_days(30)")

    days = await pool.fetch("select begins, ends from event_days() order by begins")
    assert len(days) == 3
    assert all(
        day["begins"].timestamp() % DAY_SECONDS == 0 and day["ends"] - day["begins"] == timedelta(1) for day in days
    )


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
