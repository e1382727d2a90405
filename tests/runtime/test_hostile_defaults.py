"""Sagas on a database whose administrator has set defaults that no statement of ours may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from saga import Context, Definition, Participant, Reject
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.session import PINNED
from tests.runtime.world import By, World

BY: By = {"actor": "ann", "reason": "never mind"}
SAGAS = 12
HOSTILE = {
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "extra_float_digits": "-10",
    "client_encoding": "LATIN1",
    "row_security": "on",
    "jit": "on",
    "jit_above_cost": "0",
    "plan_cache_mode": "force_custom_plan",
    "search_path": "nowhere",
    "statement_timeout": "20s",
    "lock_timeout": "1ms",
    "idle_session_timeout": "400ms",
}


async def make_hostile(url: str) -> None:
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("select current_database()")
    for setting, value in HOSTILE.items():
        await connection.execute(f"alter database \"{name}\" set {setting} = '{value}'")
    await connection.close()


async def test_the_settings_of_our_sessions_are_ours(store_url: str) -> None:
    await make_hostile(store_url)
    pool = Pool(store_url, "saga", connections_max=1, application="test")

    (seen,) = await pool.fetch("select " + ", ".join(f"current_setting('{name}')" for name in PINNED))
    (path,) = await pool.fetch("select current_schemas(false)")

    assert [value.replace("30s", "30000") for value in seen] == list(PINNED.values())
    assert path[0] == ["saga"]
    await pool.close()


async def test_sagas_of_all_modes_run_and_roll_back(world: World, fresh_database: Callable[[], Awaitable[str]]) -> None:
    own = await fresh_database()
    for url in (world.url, own):
        connection = await asyncpg.connect(url)
        await connection.execute("create schema nowhere; create table nowhere.effect (saga uuid, step text)")
        await connection.close()
        await make_hostile(url)
    books, stock, money = (
        Participant("books", database=world.url),
        Participant("stock", database=own),
        Participant("money"),
    )
    for service in (books, stock):

        @service.step
        async def act(number: int, ctx: Context) -> str:
            await ctx.sql.execute("insert into effect values ($1, $2)", ctx.saga_id, ctx.step)
            return 'ü"\\'

        @act.compensation
        async def undo(number: int, acted: str, ctx: Context) -> None:
            await ctx.sql.execute("delete from effect where saga = $1", ctx.saga_id)

    @money.step(external=True)
    async def pay(number: int) -> None:
        if number % 2:
            raise Reject('ö"\\ no')

    definition = Definition("hostile", input=int, deadline="60s")
    done = [definition.step("books.act", name="books"), definition.step("stock.act", name="stock")]
    definition.step("money.pay", after=done)
    sagas = await world.join(books, stock, money)
    await world.supervise(sagas)
    handles = [await sagas.start(definition, number, key=str(number)) for number in range(SAGAS)]
    endings = await asyncio.gather(*[handle.result(30) for handle in handles])

    assert [ending.status for ending in endings] == ["completed", "compensated"] * (SAGAS // 2)
    assert await effects(world.url) == await effects(own) == SAGAS // 2
    await sagas.process.adapter.retention.keep_history(1)
    assert await sagas.process.adapter.retention.purge(0, 100) == SAGAS


async def effects(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select count(*) from nowhere.effect")
    finally:
        await connection.close()
