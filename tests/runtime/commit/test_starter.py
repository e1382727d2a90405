"""Starting sagas: keys, the caller's transaction, limits."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from saga import Conflict, Definition, InputRefused, NotFound, Participant, UsageError
from tests.runtime.world import Sql, World, until

TOO_LARGE = "x" * (2 * 1024 * 1024)


def echo() -> tuple[Participant, Definition, list[str]]:
    service, ran = Participant("service"), list[str]()

    @service.step(external=True, read_only=True)
    async def say(word: str) -> str:
        ran.append(word)
        return word * 2_000_000 if word == "long" else word

    definition = Definition("echo", input=str)
    definition.returns(definition.step("service.say").output)
    return service, definition, ran


async def test_the_same_key_and_input_is_the_same_saga(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    first = await sagas.start(definition, "a", key="order 1")
    await first.result(10)
    second = await sagas.start(definition, "a", key="order 1")
    assert second.id == first.id
    assert (await second.result(10)).value == "a"
    assert ran == ["a"]


async def test_starts_of_one_key_at_once_make_one_saga(any_world: World) -> None:
    service, definition, ran = echo()
    one, other = await any_world.join(service), await any_world.join(service)
    await one.register(definition)
    starts = [connection.start(definition, "a", key="order 1") for connection in (one, other) for _ in range(10)]
    handles = await asyncio.gather(*starts)
    assert len({handle.id for handle in handles}) == 1
    await handles[0].result(10)
    assert ran == ["a"]


async def test_a_key_that_was_used_with_another_input_is_a_conflict(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    first = await sagas.start(definition, "a", key="order 1")
    with pytest.raises(Conflict, match=f"the start key 'order 1' of echo belongs to saga {first.id}"):
        await sagas.start(definition, "b", key="order 1")


async def test_a_definition_can_be_started_by_its_name(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    await sagas.register(definition)
    assert (await (await sagas.start("echo", "by name")).result(10)).value == "by name"
    with pytest.raises(NotFound):
        await sagas.start("nothing", "x")


async def test_a_saga_starts_with_the_transaction_of_the_caller(world: World, sql: Sql) -> None:
    service, definition, _ = echo()
    sagas = await world.join(service)
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)  # with the search_path of its own
    await shop.execute("create table orders (number integer)")
    async with shop.transaction():
        await shop.execute("insert into orders values (1)")
        handle = await sagas.start(definition, "joined", tx=shop)
        assert await sql.fetchval("select count(*) from saga") == 0
    assert (await handle.result(10)).value == "joined"
    await shop.close()


async def test_a_saga_is_not_started_when_the_caller_rolls_back(world: World, sql: Sql) -> None:
    service, definition, ran = echo()
    sagas = await world.join(service)
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)
    transaction = shop.transaction()
    await transaction.start()
    handle = await sagas.start(definition, "never", key="k", tx=shop)
    await transaction.rollback()
    await shop.close()
    with pytest.raises(NotFound):
        await handle.result(10)
    assert (await sql.fetchval("select count(*) from start_key"), ran) == (0, [])


async def test_a_start_within_a_transaction_does_not_wait_for_a_redrive_on_an_outside_bus(world: World) -> None:
    service, definition, _ = echo()
    sagas = await world.join(service, bus="memory://outside")
    await sagas.register(definition)
    shop = await asyncpg.connect(world.url)
    async with shop.transaction():
        handle = await sagas.start(definition, "joined", tx=shop)
    await shop.close()
    assert (await handle.result(5)).value == "joined"


async def test_an_input_that_is_too_large_is_refused_with_its_size(any_world: World) -> None:
    service, definition, ran = echo()
    sagas = await any_world.join(service)
    with pytest.raises(InputRefused, match=r"the input of echo has 2,097,154 bytes, more than 262,144"):
        await sagas.start(definition, TOO_LARGE)
    assert ran == []


async def test_a_result_that_is_too_large_rolls_back_with_its_size(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition, "long")).result(10)
    assert ending.status == "compensated"
    assert "service.say returned 8,000,002 bytes, more than 1,048,576" in (ending.reason or "")


async def test_a_key_that_is_too_long_is_refused(any_world: World) -> None:
    service, definition, _ = echo()
    sagas = await any_world.join(service)
    with pytest.raises(UsageError, match="a start key has 1 to 200 characters, not 201"):
        await sagas.start(definition, "a", key="k" * 201)


async def test_waiting_for_a_saga_that_another_process_started_ends(any_world: World) -> None:
    service, definition, _ = echo()
    worker, other = await any_world.join(service), await any_world.join()
    handle = await worker.start(definition, "a")
    waiting = [asyncio.create_task(other.handle(handle.id).result(10)) for _ in range(5)]
    assert {(await task).value for task in waiting} == {"a"}
    await until(lambda: not other.process.end_waiters._waiting, "nobody waits any more")
