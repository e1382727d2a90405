"""Starts of one saga from everywhere at once, alone and in the transactions of callers, on a schema that is just being used."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from saga import App, Conflict, Definition, Participant
from tests.runtime.world import Sql, World, until

WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


def counter() -> tuple[Participant, Definition[int], list[int]]:
    service, ran = Participant("p"), list[int]()

    @service.step(external=True, read_only=True)
    async def count(number: int) -> int:
        ran.append(number)
        return number

    definition = Definition("d", input=int)
    definition.step("p.count")
    return service, definition, ran


async def apps_of(world: World, count: int) -> tuple[list[App], Definition[int], list[int]]:
    """Processes that join and register at the same moment."""
    service, definition, ran = counter()

    async def up() -> App:
        app = await world.join(service)
        await app.register(definition)
        return app

    return list(await asyncio.gather(*(up() for _ in range(count)))), definition, ran


async def test_starts_with_one_key_from_many_processes_are_one_saga(any_world: World) -> None:
    apps, definition, ran = await apps_of(any_world, 6)
    handles = await asyncio.gather(*(apps[n % 6].start(definition, 7, key="same") for n in range(60)))
    await handles[0].result(10)
    assert len({handle.id for handle in handles}) == 1
    assert ran == [7]


async def test_of_many_inputs_under_one_key_one_is_started(any_world: World) -> None:
    apps, definition, ran = await apps_of(any_world, 4)
    starts = (apps[n % 4].start(definition, n, key="clash") for n in range(40))
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 39
    (handle,) = (answer for answer in answers if not isinstance(answer, BaseException))
    await handle.result(10)
    assert len(ran) == 1


async def test_a_key_in_an_open_transaction_is_waited_for_and_free_after_its_rollback(world: World, sql: Sql) -> None:
    apps, definition, _ = await apps_of(world, 3)
    other = await asyncpg.connect(world.url)
    first, second = sql.transaction(), other.transaction()
    await first.start()
    await second.start()
    gone = await apps[0].start(definition, 1, key="tx", tx=sql)
    waiting = asyncio.create_task(apps[1].start(definition, 1, key="tx", tx=other))
    alone = asyncio.create_task(apps[2].start(definition, 1, key="tx"))
    watcher = await asyncpg.connect(world.url)
    await until(lambda: _is_two(watcher), "both wait for the open transaction")
    await first.rollback()
    kept = await waiting
    await second.commit()
    assert kept.id == (await alone).id != gone.id
    for connection in (other, watcher):
        await connection.close()


async def _is_two(watcher: Sql) -> bool:
    return bool(await watcher.fetchval(WAITING) == 2)


async def test_a_conflict_leaves_the_transaction_of_the_caller_usable(world: World, sql: Sql) -> None:
    (sagas,), definition, _ = await apps_of(world, 1)
    await sagas.start(definition, 1, key="same")
    await sql.execute("create table public.note (n int)")
    async with sql.transaction():
        await sql.execute("insert into public.note values (1)")
        with pytest.raises(Conflict):
            await sagas.start(definition, 99, key="same", tx=sql)
        await sql.execute("insert into public.note values (2)")
    assert await sql.fetchval("select count(*) from public.note") == 2
