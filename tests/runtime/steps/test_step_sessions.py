"""A handler may change its session: its step is recorded in the right tables, and the next step does not meet the change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import text

from saga import App, Context, Definition, Participant, Reject, Retry
from tests.runtime.world import Sql, World

ONCE = Retry(attempts=1)
TABLES = ("saga", "step", "command", "event", "participant", "saga_journal")


@pytest.fixture(params=["transactional", "journaled"])
async def service(
    request: pytest.FixtureRequest, world: World, fresh_database: Callable[[], Awaitable[str]]
) -> Participant:
    """A participant of the mode, whose database has a schema of a tenant."""
    url = world.url if request.param == "transactional" else await fresh_database()
    connection = await asyncpg.connect(url)
    await connection.execute(
        "create table public.effect (saga uuid); create schema tenant; create table tenant.effect (saga uuid)"
    )
    await connection.close()
    return Participant("service", database=url)


@pytest.fixture
async def own(service: Participant) -> AsyncIterator[Sql]:
    """A connection to the participant's database."""
    connection = await asyncpg.connect(service.database)
    yield connection
    await connection.close()


async def ending(sagas: App, name: str) -> str:
    """The end of a saga of one step, and its reason."""
    definition = Definition(name)
    definition.step(f"service.{name}", retry=ONCE)
    ended = await (await sagas.start(definition)).result(15)
    return f"{ended.status} {ended.reason or ''}"


async def count(own: Sql, table: str = "public.effect") -> int:
    return int(await own.fetchval(f"select count(*) from {table}"))  # noqa: S608 (a name of this module)


@pytest.mark.parametrize("scope", ["local", "session"])
async def test_a_handler_that_has_a_search_path_of_its_own(
    world: World, service: Participant, own: Sql, scope: str
) -> None:
    await own.execute("create table tenant.saga_journal (like public.effect)")

    @service.step
    async def act(ctx: Context) -> None:
        await ctx.sql.execute(f"set {scope} search_path to tenant")
        await ctx.sql.execute("insert into effect values ($1)", ctx.saga_id)

    sagas = await world.join(service)

    assert [await ending(sagas, "act") for _ in range(3)] == ["completed "] * 3
    assert await count(own, "tenant.effect") == 3


async def test_a_handler_whose_temporary_tables_are_called_as_ours(
    world: World, service: Participant, own: Sql
) -> None:
    @service.step
    async def act(ctx: Context) -> None:
        for table in TABLES:
            await ctx.sql.execute(f"create temp table {table} (n int)")
        await ctx.sql.execute("insert into public.effect values ($1)", ctx.saga_id)

    sagas = await world.join(service, handler_connections=1)

    assert [await ending(sagas, "act") for _ in range(3)] == ["completed "] * 3
    assert await count(own) == 3


async def test_a_commit_through_sqlalchemy_is_refused(world: World, service: Participant, own: Sql) -> None:
    @service.step
    async def act(ctx: Context) -> None:
        async with ctx.session() as session:
            await session.execute(text("insert into public.effect values (:saga)"), {"saga": ctx.saga_id})
            await session.execute(text("/* so far */ commit"))

    sagas = await world.join(service)

    assert "must not say COMMIT" in await ending(sagas, "act")
    assert await count(own) == 0


async def test_a_rejection_after_a_commit_that_was_swallowed_does_not_count(
    world: World, service: Participant, own: Sql
) -> None:
    @service.step
    async def act(ctx: Context) -> None:
        await ctx.sql.execute("insert into public.effect values ($1)", ctx.saga_id)
        try:
            await ctx.sql.execute("-- done\ncommit")
        except asyncpg.PostgresError:
            raise Reject("no") from None

    sagas = await world.join(service)

    assert "TransactionEnded: a step's transaction ends with the step" in await ending(sagas, "act")
    assert await count(own) == 0


async def test_a_role_that_may_not_record_the_step(world: World, service: Participant, own: Sql) -> None:
    await own.execute("grant usage on schema public to pg_monitor; grant insert on public.effect to pg_monitor")

    @service.step
    async def stays(ctx: Context) -> None:
        await ctx.sql.execute("set local role pg_monitor")
        await ctx.sql.execute("insert into public.effect values ($1)", ctx.saga_id)

    @service.step
    async def returns(ctx: Context) -> None:
        await ctx.sql.execute("set local role pg_monitor")
        await ctx.sql.execute("insert into public.effect values ($1)", ctx.saga_id)
        await ctx.sql.execute("reset role")

    sagas = await world.join(service)

    assert "RESET ROLE before it returns" in await ending(sagas, "stays")
    assert await ending(sagas, "returns") == "completed "
    assert await count(own) == 1


async def test_json_is_text_again_after_a_step_that_used_sqlalchemy(world: World, service: Participant) -> None:
    seen = list[object]()

    @service.step
    async def first(ctx: Context) -> None:
        async with ctx.session() as session:
            await session.execute(text("select 1"))

    @service.step
    async def then(ctx: Context) -> None:
        seen.append(await ctx.sql.fetchval("select '{}'::jsonb"))

    sagas = await world.join(service, handler_connections=1)

    assert [await ending(sagas, name) for name in ("first", "then")] == ["completed "] * 2
    assert seen == ["{}"]
