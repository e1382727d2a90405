"""The rows of schedules on Postgres: in the schema of the namespace, behind locks, and written by other builds."""

from __future__ import annotations

import asyncpg
import pytest

from saga import Schedule, Unavailable
from saga_postgres.schema.migrate import migrate
from tests.runtime.schedules.reports import Reports, go_back, hourly, joined, keep
from tests.runtime.world import Sql, World


async def test_the_schedules_of_a_namespace_are_in_its_schema(world: World) -> None:
    """The role is named like the schema of the other namespace, and so finds the tables there."""
    connection = await asyncpg.connect(world.url)
    await migrate(connection, schema="branch")
    await connection.close()
    main, branch = await world.join(), await joined(world, Reports(), namespace="branch")
    await branch.schedules.put(hourly())
    await go_back(branch, "hourly", 3600)
    await keep(branch)

    (line,) = await branch.schedules.lines("hourly")
    assert line.run.saga is not None
    assert await main.schedules.all() == []


async def test_a_row_that_is_locked_for_long_keeps_its_schedule_waiting_and_no_other(world: World, sql: Sql) -> None:
    app = await joined(world, Reports())
    await app.schedules.put(hourly())
    await app.schedules.put(Schedule("other", "report", {"region": "eu"}, every="1h"))
    for name in ("hourly", "other"):  # the locked one is looked at first
        await go_back(app, name, 3600)
    async with sql.transaction():
        await sql.execute("select from schedule where name = 'hourly' for update")
        await keep(app)
        with pytest.raises(Unavailable, match="an open transaction holds a lock for too long"):
            await app.schedules.pause("hourly")

    assert [len(await app.schedules.lines(name)) for name in ("hourly", "other")] == [0, 1]


async def test_a_row_of_a_later_build_does_not_keep_the_others_waiting(world: World, sql: Sql) -> None:
    app = await joined(world, Reports())
    await app.schedules.put(hourly())
    await app.schedules.put(Schedule("later", "report", {"region": "eu"}, every="1h"))
    for name in ("later", "hourly"):
        await go_back(app, name, 3600)
    await sql.execute(
        """update schedule set spec = jsonb_set(spec::jsonb, '{overlap}', '"queue"')::json, next_at = next_at - interval '1 hour'
        where name = 'later'"""
    )
    await keep(app)

    assert len(await app.schedules.lines("hourly")) == 1
