"""Failures before a handler is called do not count as attempts; those at the commit mean the same in each mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from saga import App, Context, Definition, Participant, Reject, Retry
from saga.errors import AccessRefused, SagaError, Unavailable
from saga.runtime.steps.patience import JITTER, LONGEST_SECONDS, Patience
from tests.runtime.world import Sql, World, until

ONCE = Retry(attempts=1)
FAILED = "select count(*) from event where kind = 'failed'"


class Door:
    """Stands before the transactions of a process: as long as it is shut, none begins."""

    def __init__(self, holder: Any, error: SagaError) -> None:
        self.error: SagaError | None = error
        self.refused = 0
        self._transaction = holder.transaction
        holder.transaction = self.transaction

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        if self.error is not None:
            self.refused += 1
            raise self.error
        async with self._transaction() as transaction:
            yield transaction


def shop(database: str) -> tuple[Participant, Definition[Any], list[str]]:
    service, ran = Participant("shop", database=database), list[str]()

    @service.step
    async def make(value: Any) -> str:
        ran.append("make")
        return "made"

    @make.compensation
    async def unmake(value: Any, made: str) -> None:
        ran.append("unmake")

    @service.step
    async def check(value: Any) -> None:
        if value == "bad":
            raise Reject("no")

    definition: Definition[Any] = Definition("shop")
    definition.step("shop.check", after=definition.step("shop.make", retry=ONCE, compensation_retry=ONCE), retry=ONCE)
    return service, definition, ran


def reasons() -> list[SagaError]:
    return [Unavailable("all connections are in use"), AccessRefused("wrong password")]


@pytest.mark.parametrize("error", reasons(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("value", ["good", "bad"])
async def test_waiting_for_the_store_is_not_an_attempt(any_world: World, error: SagaError, value: str) -> None:
    service, definition, ran = shop("store")
    sagas = await any_world.join(service)
    door = Door(sagas.process.adapter, error)
    handle = await sagas.start(definition, value)
    await until(lambda: door.refused >= 3, "it was tried again")
    door.error = None
    ending = await handle.result(10)
    assert (ending.status, ran) == (("completed", ["make"]) if value == "good" else ("compensated", ["make", "unmake"]))


async def test_a_compensation_waits_for_the_store_until_its_budget_is_over(any_world: World) -> None:
    service, _, ran = shop("store")
    doors: list[Door] = []

    @service.step
    async def refuse() -> None:
        doors.append(Door(sagas.process.adapter, Unavailable("away")))
        raise Reject("no")

    short: Definition[Any] = Definition("short", compensation_budget="1s")
    short.step("shop.refuse", after=short.step("shop.make", compensation_retry=Retry(attempts=None)))
    sagas = await any_world.join(service)
    await any_world.supervise(sagas)
    handle = await sagas.start(short)

    async def is_stuck() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector.startswith("k")

    await until(is_stuck, "the budget has ended it")
    assert ran == ["make"]


async def test_waiting_for_a_services_own_database_is_not_an_attempt(
    world: World, fresh_database: Callable[[], Awaitable[str]], sql: Sql
) -> None:
    own = await fresh_database()
    service, definition, ran = shop(own)
    sagas = await world.join(service)
    door = Door(sagas._journals[own], Unavailable("away"))
    handles = [await sagas.start(definition, value) for value in ("good", "bad")]
    await until(lambda: door.refused >= 4, "both were tried again")
    door.error = None
    assert [(await handle.result(10)).status for handle in handles] == ["completed", "compensated"]
    assert sorted(ran) == ["make", "make", "unmake"]
    assert await sql.fetchval(FAILED) == 0


async def test_more_handlers_than_connections_wait_and_fail_nothing(world: World, sql: Sql) -> None:
    service = Participant("shop", database=world.url)

    @service.step
    async def slow(ctx: Context) -> None:
        await ctx.sql.execute("select pg_sleep(0.05)")

    definition = Definition("slow")
    definition.step("shop.slow", retry=ONCE)
    sagas = await world.join(service, handler_connections=1)
    handles = await asyncio.gather(*(sagas.start(definition) for _ in range(20)))
    assert {(await handle.result(15)).status for handle in handles} == {"completed"}
    assert await sql.fetchval(FAILED) == 0


DEFERRED = """
create table public.parent (id int primary key);
create table public.child (id int references public.parent deferrable initially deferred);
"""


async def deferred(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(DEFERRED)
    await connection.close()


@pytest.mark.parametrize("mode", ["transactional", "journaled"])
async def test_a_deferred_constraint_that_fails_at_the_commit_is_a_failed_attempt(
    world: World, fresh_database: Callable[[], Awaitable[str]], mode: str
) -> None:
    url = world.url if mode == "transactional" else await fresh_database()
    await deferred(url)
    service, ran = Participant("shop", database=url), list[int]()

    @service.step
    async def orphan(ctx: Context) -> None:
        ran.append(ctx.attempt)
        await ctx.sql.execute("insert into public.child values (1)")
        if len(ran) > 1:
            await ctx.sql.execute("insert into public.parent values (1)")

    definition = Definition("orphan")
    definition.step("shop.orphan", retry=Retry(attempts=5, first="10ms", cap="10ms"))
    ending = await (await (await world.join(service)).start(definition)).result(10)
    assert (ending.status, ran) == ("completed", [1, 2])


RAISING = """
create table public.broken as select 1 as id;
create function public.fail() returns trigger language plpgsql as $$ begin
    if exists (select from public.broken) then raise exception 'failed at the commit' using errcode = 'SQLSTATE'; end if;
    return null;
end $$;
create table public.effect (id int);
create constraint trigger fails after insert on public.effect deferrable initially deferred
for each row execute function public.fail();
"""


def raising(sqlstate: str) -> str:
    """The SQL of a deferred trigger that fails with a SQLSTATE at the commit, as long as the table `broken` has a row."""
    return RAISING.replace("SQLSTATE", sqlstate)


async def run_sql(url: str, query: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(query)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "sqlstate", ["XX000", "22003", "23514", "40001", "40P01", "57014", "25006", "53100", "55P03", "42P01", "42501"]
)
@pytest.mark.parametrize("mode", ["transactional", "journaled"])
async def test_any_other_error_at_the_commit_is_looked_at_again(
    world: World, fresh_database: Callable[[], Awaitable[str]], mode: str, sqlstate: str
) -> None:
    url = world.url if mode == "transactional" else await fresh_database()
    await run_sql(url, raising(sqlstate))
    service, ran = Participant("shop", database=url), list[int]()

    @service.step
    async def act(ctx: Context) -> str:
        ran.append(ctx.attempt)
        await ctx.sql.execute("insert into public.effect values (1)")
        return "acted"

    definition = Definition("acting")
    definition.returns(definition.step("shop.act", retry=Retry(attempts=1000, first="10ms", cap="10ms")).output)
    handle = await (await world.join(service)).start(definition)
    await until(lambda: len(ran) > 1, "it is tried again")
    await run_sql(url, "delete from public.broken")
    assert (await handle.result(10)).value == "acted"


async def test_the_store_commits_an_outcome_after_an_odd_error_and_meanwhile_all_others(world: World, sql: Sql) -> None:
    service, ran = Participant("shop"), list[str]()

    @service.step(external=True)
    async def say(word: str) -> str:
        ran.append(word)
        return word

    definition = Definition("say", input=str)
    definition.returns(definition.step("shop.say").output)
    sagas = await world.join(service)
    await sagas.register(definition)
    await sql.execute(
        """create function public.fail() returns trigger language plpgsql as $$ begin
            raise exception 'corrupted' using errcode = 'XX001'; end $$;
        create trigger fails before insert on step for each row when (new.result = '"bad"') execute function public.fail()"""
    )
    words = ["a", "bad", "b", "c", "bad", "bad"]
    handles = await asyncio.gather(*(sagas.start(definition, word) for word in words))
    for word, handle in zip(words, handles, strict=True):
        if word != "bad":
            assert (await handle.result(10)).value == word
    await sql.execute("drop trigger fails on step")
    assert [(await handle.result(10)).value for handle in handles] == words
    assert sorted(ran) == sorted(words)


async def test_leases_are_renewed_after_any_error_of_the_store(any_world: World) -> None:
    service, gate = Participant("shop"), asyncio.Event()

    @service.step(external=True)
    async def wait() -> None:
        await gate.wait()

    definition = Definition("waiting")
    definition.step("shop.wait", timeout="30s")
    sagas = await any_world.join(service, lease=2)
    extended = refuse_extending(sagas, AccessRefused("revoked for a moment"))
    handle = await sagas.start(definition)
    await until(lambda: len(extended) >= 3, "the loop lives on")
    gate.set()
    assert (await handle.result(10)).is_completed


def refuse_extending(app: App, error: SagaError) -> list[bool]:
    """The first renewal fails. Returns the list of renewals, to which each is added."""
    store: Any = app.process._leases.store
    extend, calls = store.extend, list[bool]()

    async def failing(*arguments: Any, **options: Any) -> Any:
        calls.append(bool(calls))
        if len(calls) == 1:
            raise error
        return await extend(*arguments, **options)

    store.extend = failing
    return calls


async def test_pauses_grow_with_the_time_for_which_nothing_could_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience()
    pauses = []
    for seconds in (0.0, 0.2, 0.4, 0.8, 1.6, 100.0):
        patience.waiting_since = asyncio.get_running_loop().time() - seconds
        pauses.append(patience.pause_seconds())
    for pause, expected in zip(pauses, (0.2, 0.2, 0.4, 0.8, 1.6, LONGEST_SECONDS), strict=True):
        assert expected * (1 - JITTER) * 0.9 < pause < expected * (1 + JITTER) * 1.2
