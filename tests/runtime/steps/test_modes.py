"""The three modes end to end, and the arguments and results of handlers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import BaseModel

from saga import Context, Definition, Participant, Reject
from tests.runtime.world import Provider, World

Database = Callable[[], Awaitable[str]]
EFFECTS = "create table effect (saga uuid, what text)"
DO = "insert into effect values ($1, $2)"


class Item(BaseModel):
    sku: str
    count: int


@dataclass
class Receipt:
    total: int
    lines: list[str]


async def effects_in(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["what"] for row in await connection.fetch("select what from effect order by what")]
    finally:
        await connection.close()


async def prepared(url: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.execute(EFFECTS)
    await connection.close()
    return url


def shop(transactional: str | None, journaled: str | None, provider: Provider) -> tuple[list[Participant], Definition]:
    """One step in each mode, and a last one that rejects on demand. All effects can be undone."""
    books = Participant("books", database=transactional)
    stock = Participant("stock", database=journaled)
    money = Participant("money")

    @books.step
    async def note(what: str, ctx: Context) -> str:
        await ctx.sql.execute(DO, ctx.saga_id, "noted")
        return what

    @note.compensation
    async def strike(what: str, result: str, ctx: Context) -> None:
        await ctx.sql.execute("delete from effect where saga = $1", ctx.saga_id)

    @stock.step
    async def reserve(what: str, ctx: Context) -> str:
        await ctx.sql.execute(DO, ctx.saga_id, "reserved")
        return what

    @reserve.compensation
    async def release(what: str, result: str, ctx: Context) -> None:
        await ctx.sql.execute("delete from effect where saga = $1", ctx.saga_id)

    @money.step(external=True)
    async def charge(what: str, ctx: Context) -> str:
        return provider.call(ctx.idempotency_key, f"charge {ctx.saga_id}")

    @charge.compensation
    async def refund(what: str, charged: str, ctx: Context) -> None:
        provider.drop(charged)

    @money.step(external=True)
    async def confirm(what: str) -> str:
        if what == "bad":
            raise Reject("no such address")
        return what.upper()

    definition = Definition("shop", input=str)
    first = definition.step("books.note")
    second = definition.step("stock.reserve", after=first)
    third = definition.step("money.charge", after=second)
    definition.returns({"confirmed": definition.step("money.confirm", after=third).output})
    return [books, stock, money], definition


async def test_a_saga_through_all_three_modes_completes_with_each_effect_once(
    world: World, fresh_database: Database
) -> None:
    own = await prepared(await fresh_database())
    provider = Provider()
    participants, definition = shop(await prepared(world.url), own, provider)
    sagas = await world.join(*participants)
    ending = await (await sagas.start(definition, "good")).result(10)
    assert (ending.status, ending.value) == ("completed", {"confirmed": "GOOD"})
    assert (await effects_in(world.url), await effects_in(own)) == (["noted"], ["reserved"])
    assert len(provider.effects) == 1


async def test_a_rejection_undoes_the_effects_of_all_three_modes(world: World, fresh_database: Database) -> None:
    own = await prepared(await fresh_database())
    provider = Provider()
    participants, definition = shop(await prepared(world.url), own, provider)
    sagas = await world.join(*participants)
    ending = await (await sagas.start(definition, "bad")).result(10)
    assert (ending.status, ending.reason) == ("compensated", "confirm: no such address")
    assert (await effects_in(world.url), await effects_in(own)) == ([], [])
    assert not provider.effects


async def test_services_in_processes_of_their_own_carry_a_saga_together(world: World, fresh_database: Database) -> None:
    provider = Provider()
    participants, definition = shop(await prepared(world.url), await prepared(await fresh_database()), provider)
    for participant in participants:
        await world.join(participant)
    client = await world.join()
    endings = [await (await client.start(definition, word)).result(10) for word in ("good", "bad")]
    assert [ending.status for ending in endings] == ["completed", "compensated"]
    assert len(provider.effects) == 1


async def test_a_saga_completes_over_memory_as_over_postgres(any_world: World) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def greet(name: str) -> str:
        return f"hello {name}"

    definition = Definition("greeting", input=str)
    definition.returns(definition.step("service.greet").output)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition, "world")).result(10)
    assert ending.value == "hello world"


async def test_handlers_get_models_dataclasses_and_plain_types(any_world: World) -> None:
    service = Participant("service")
    seen: list[Any] = []

    @service.step(external=True, read_only=True)
    async def price(item: Item) -> Receipt:
        seen.append(item)
        return Receipt(item.count * 5, [item.sku])

    @service.step(external=True, read_only=True)
    async def check(receipt: Receipt) -> int:
        seen.append(receipt)
        return receipt.total

    @service.step(external=True)
    async def note(total: int, ctx: Context) -> dict[str, int]:
        seen.append(total)
        return {"noted": total}

    definition = Definition("types", input=Item)
    priced = definition.step("service.price")
    checked = definition.step("service.check", inputs=priced.output)
    noted = definition.step("service.note", inputs=checked.output)
    definition.returns([priced.output, noted.output["noted"]])
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition, {"sku": "tea", "count": 3})).result(10)
    assert seen == [Item(sku="tea", count=3), Receipt(15, ["tea"]), 15]
    assert ending.value == [{"total": 15, "lines": ["tea"]}, 15]


async def test_a_synchronous_handler_does_not_block_the_event_loop(any_world: World) -> None:
    service = Participant("service")
    loop_goes_on = threading.Event()

    @service.step(external=True)
    def compute(number: int, ctx: Context) -> str:
        assert loop_goes_on.wait(10)
        return f"{number} in {threading.current_thread().name.partition('_')[0]}"

    definition = Definition("sync", input=int)
    definition.returns(definition.step("service.compute").output)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition, 7)
    asyncio.get_running_loop().call_later(0.01, loop_goes_on.set)
    assert (await handle.result(10)).value == "7 in saga-handler"


async def test_a_step_without_parameters_and_without_a_result_is_a_step(any_world: World) -> None:
    service = Participant("service")
    ran: list[bool] = []

    @service.step(external=True)
    async def ping() -> None:
        ran.append(True)

    definition = Definition("ping")
    definition.returns(definition.step("service.ping").output)
    sagas = await any_world.join(service)
    ending = await (await sagas.start(definition)).result(10)
    assert (ending.status, ending.value, ran) == ("completed", None, [True])
