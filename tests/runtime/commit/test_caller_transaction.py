"""`start(tx=...)`: with the caller's transaction, or not at all, or refused in a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session

from saga import AccessRefused, App, Conflict, Context, Definition, NotFound, Participant, UsageError, memory
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.same_database import shares_database
from saga_postgres.schema.migrate import migrate
from tests.runtime.world import World

service = Participant("service", database="store")


@service.step
async def say(value: str) -> str:
    return value


order = Definition("order", input=str)
order.returns(order.step("service.say").output)


@pytest.fixture(name="sagas")
async def connected(world: World) -> App:
    app = await world.join(service)
    await app.register(order)
    return app


@pytest.fixture
async def shop(world: World, sagas: App) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of the application to the store's database, with a table of its own."""
    shop = await asyncpg.connect(world.url)
    await shop.execute("create table shop_order (number text primary key)")
    yield shop
    await shop.close()


@pytest.fixture
async def engine(world: World, shop: object) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(world.url.replace("postgresql://", "postgresql+asyncpg://"))
    yield engine
    await engine.dispose()


async def refusal(sagas: App, tx: Any) -> str:
    with pytest.raises(UsageError) as refused:
        await sagas.start(order, "refused", key="refused", tx=tx)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("kind", ["session", "scoped session", "its connection", "connection"])
@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_saga_starts_with_a_transaction_of_sqlalchemy(
    sagas: App, engine: AsyncEngine, kind: str, *, has_begun: bool
) -> None:
    async with AsyncSession(engine) as session, engine.connect() as connection:
        scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=lambda: 1)
        owner: Any = {"connection": connection, "scoped session": scoped}.get(kind, session)
        tx: Any = await session.connection() if kind == "its connection" else owner

        if has_begun:
            await tx.execute(text("select 1"))
        await sagas.start(order, "dropped", key="dropped", tx=tx)
        await owner.rollback()
        tx = await session.connection() if kind == "its connection" else owner
        await tx.execute(text("insert into shop_order values ('1')"))
        handle = await sagas.start(order, "kept", key="kept", tx=tx)
        with pytest.raises(NotFound):
            await sagas.find(order, "kept")
        await owner.commit()
        await scoped.close()

    assert (await handle.result(20)).value == "kept"
    with pytest.raises(NotFound):
        await sagas.find(order, "dropped")


async def test_a_start_that_comes_before_the_first_statement_of_a_session_belongs_to_it(
    sagas: App, engine: AsyncEngine
) -> None:
    async with AsyncSession(engine) as session, session.begin() as transaction:
        await sagas.start(order, "early", key="early", tx=session)
        await transaction.rollback()

    with pytest.raises(NotFound):
        await sagas.find(order, "early")


async def test_a_saga_starts_with_the_connection_of_a_pool(sagas: App, world: World) -> None:
    async with asyncpg.create_pool(world.url, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection, connection.transaction():
            handle = await sagas.start(order, "pooled", tx=connection)
        assert (await handle.result(20)).value == "pooled"
        assert "tx cannot be a asyncpg.pool.Pool" in await refusal(sagas, pool)


async def test_a_connection_is_asked_for_its_database_once(
    sagas: App, shop: asyncpg.Connection[asyncpg.Record]
) -> None:
    queries: list[str] = []
    async with shop.transaction():
        await sagas.start(order, "first", tx=shop)
        with shop.query_logger(lambda record: queries.append(record.query)):
            await sagas.start(order, "second", tx=shop)
    assert len(queries) == 1


async def test_a_step_starts_a_saga_in_its_own_transaction(world: World) -> None:
    chain, outer = Participant("chain", database="store"), Definition("outer", input=str)

    @chain.step
    async def launch(value: str, ctx: Context) -> None:
        await sagas.start(order, value, key=value, tx=ctx.sql)
        async with ctx.session() as session:
            await sagas.start(order, f"{value} again", key=f"{value} again", tx=session)

    outer.step("chain.launch")
    sagas = await world.join(service, chain)
    await sagas.register(order)

    assert (await (await sagas.start(outer, "inner")).result(20)).is_completed

    for key in ("inner", "inner again"):
        assert (await (await sagas.find(order, key)).result(20)).value == key


async def test_a_connection_that_is_lent_to_one_step_after_another_is_asked_for_its_database_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, outer, asked = Participant("chain", database="store"), Definition("outer", input=str), list[Pool]()

    async def ask(pool: Pool, how: Any) -> bool:
        asked.append(pool)
        return await shares_database(pool, how)

    @chain.step
    async def launch(value: str, ctx: Context) -> None:
        await sagas.start(order, value, key=value, tx=ctx.sql)

    outer.step("chain.launch")
    monkeypatch.setattr("saga_postgres.hot_path.caller_transactions.shares_database", ask)
    sagas = await world.join(service, chain, handler_connections=1)
    await sagas.register(order)

    for value in ("first", "second", "third"):
        assert (await (await sagas.start(outer, value)).result(20)).is_completed

    assert len(asked) == 1


async def test_a_start_has_all_its_parts_on_a_connection_with_the_codecs_of_sqlalchemy(
    sagas: App, engine: AsyncEngine
) -> None:
    both = Definition("both", input=str, deadline="1h")
    both.returns([both.step("service.say", name=name, read_only=True).output for name in ("one", "two")])
    await sagas.register(both)

    async with AsyncSession(engine) as session, session.begin():
        one = await sagas.start(order, "tagged", key="tagged", tags={"shop": "Oslo"}, tx=session)
        two = await sagas.start(both, "parallel", key="parallel", tags={"shop": "Oslo"}, tx=session)
        again = await sagas.start(order, "tagged", key="tagged", tx=session)
        with pytest.raises(Conflict, match="another input"):
            await sagas.start(order, "other", key="tagged", tx=session)

    assert again.id == one.id
    assert (await one.result(20)).value == "tagged"
    assert (await two.result(20)).value == ["parallel", "parallel"]


@pytest.mark.parametrize("given", ["nonsense", 17, False, object()], ids=["str", "int", "bool", "object"])
async def test_something_else_is_refused_with_what_it_takes(sagas: App, given: object) -> None:
    message = await refusal(sagas, given)

    assert f"tx cannot be a {type(given).__qualname__}. It takes an asyncpg connection in a transaction" in message


async def test_sync_code_and_other_drivers_are_told_what_to_do(sagas: App, world: World) -> None:
    engine = sqlalchemy.create_engine(world.url.replace("postgresql://", "postgresql+psycopg://"))
    with psycopg.connect(world.url) as driver, engine.connect() as connection, Session(engine) as session:
        for given in (driver, connection, session):
            message = await refusal(sagas, given)
            assert f"tx cannot be a {type(given).__module__}" in message
            assert "commit first, and then start the saga with a key" in message
    engine.dispose()


async def test_a_session_on_another_driver_is_refused(sagas: App, world: World) -> None:
    engine = create_async_engine(world.url.replace("postgresql://", "postgresql+psycopg://"))
    async with AsyncSession(engine) as session:
        assert "tx cannot be a psycopg.AsyncConnection" in await refusal(sagas, session)
    await engine.dispose()


async def test_a_connection_without_a_transaction_is_refused(
    sagas: App, shop: asyncpg.Connection[asyncpg.Record], engine: AsyncEngine
) -> None:
    assert "without a transaction" in await refusal(sagas, shop)
    async with engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        assert "without a transaction" in await refusal(sagas, plain)


async def test_a_transaction_that_cannot_write_is_refused(sagas: App, shop: asyncpg.Connection[asyncpg.Record]) -> None:
    async with shop.transaction(readonly=True):
        assert "read-only" in await refusal(sagas, shop)
    transaction = shop.transaction()
    await transaction.start()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await shop.execute("select 1 / 0")
    assert "has failed before" in await refusal(sagas, shop)
    await transaction.rollback()
    await shop.close()
    assert "closed" in await refusal(sagas, shop)


@pytest.mark.parametrize("is_migrated", [False, True])
async def test_a_connection_to_another_database_is_refused(
    sagas: App, fresh_database: Callable[[], Awaitable[str]], *, is_migrated: bool
) -> None:
    """Also if Saga is installed there: the saga would start in the wrong installation."""
    other = await asyncpg.connect(await fresh_database())
    if is_migrated:
        await migrate(other, schema="saga")

    async with other.transaction():
        assert "another database than the store's (postgres at " in await refusal(sagas, other)

    await other.close()


async def test_a_role_without_rights_is_told_how_to_get_them(
    sagas: App, shop: asyncpg.Connection[asyncpg.Record]
) -> None:
    role = f"visitor_{(await shop.fetchval('select current_database()'))[-12:]}"
    await shop.execute(f"create role {role}")
    try:
        async with shop.transaction():
            await shop.execute(f"set local role {role}")
            with pytest.raises(AccessRefused, match="saga migrate --role NAME grants them"):
                await sagas.start(order, "refused", tx=shop)
    finally:
        await shop.execute(f"drop role {role}")


async def test_a_memory_store_takes_its_own_transactions_only() -> None:
    own, outer = Participant("own", database="memory://tx"), Definition("outer", input=str)
    refused: list[str] = []

    @own.step
    async def launch(value: str, ctx: Context) -> str:
        await sagas.start(order, value, key="child", tx=ctx.sql)
        return value

    outer.step("own.launch")
    async with World("memory://tx") as world:
        sagas = await world.join(service, own)
        await sagas.register(order)
        assert (await (await sagas.start(outer, "inner")).result(10)).is_completed
        assert (await (await sagas.find(order, "child")).result(10)).value == "inner"
        async with sagas.adapter.transaction() as ended:
            pass
        async with memory.open_journal("memory://elsewhere", 1, "test").transaction() as other:
            for given in ("nonsense", ended, other.connection):
                refused.append(await refusal(sagas, given))
    memory.forget("memory://tx")
    memory.forget("memory://elsewhere")

    assert "tx cannot be a str. It takes a transaction of the memory store" in refused[0]
    assert refused[1:] == [
        "tx is a transaction that has ended",
        "tx is a transaction of another memory:// database than the store's",
    ]
