"""A journaled service on memory, as a test of a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

import saga
from saga import memory
from saga.errors import NotFound
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.journal import Mark

STORE, OWN = "memory://journaled_store", "memory://journaled_service"
inventory = saga.Participant("inventory", database=OWN)


@inventory.step
async def reserve(sku: str, ctx: saga.Context) -> int:
    free: int = await ctx.sql.get(sku) or 0
    if not free:
        raise saga.Reject("out of stock")
    await ctx.sql.put(sku, free - 1)
    return free - 1


@reserve.compensation
async def release(sku: str, _left: int, ctx: saga.Context) -> None:
    await ctx.sql.put(sku, await ctx.sql.get(sku) + 1)


@inventory.step
async def pack(sku: str, ctx: saga.Context) -> None:
    await ctx.sql.put(f"packed {sku}", 1)
    raise saga.Reject("no box")


@inventory.step
async def count(sku: str, ctx: saga.Context) -> int:
    found: int = await ctx.sql.fetchval("select free from stock where sku = $1", sku)
    return found


@inventory.step
async def model(_sku: str, ctx: saga.Context) -> None:
    async with ctx.session() as session:
        await session.commit()


order = saga.Definition("order", input=str)
order.returns(order.step("inventory.reserve").output)
packed = saga.Definition("packed", input=str)
packed.step("inventory.pack", after=packed.step("inventory.reserve"))


@pytest.fixture(autouse=True)
def rows() -> Iterator[dict[str, object]]:
    """The rows of the service."""
    yield memory.service_database(OWN).rows
    for url in (STORE, OWN):
        memory.forget(url)


async def ending_of(definition: saga.Definition, sku: str) -> saga.Ending:
    async with saga.connect(store=STORE) as sagas, sagas.serve(inventory):
        return await (await sagas.start(definition, sku)).result(timeout_seconds=10)


async def test_a_step_and_its_effect_are_recorded_together(rows: dict[str, object]) -> None:
    rows["lamp"] = 3

    ending = await ending_of(order, "lamp")

    assert (ending.status, ending.value, rows) == ("completed", 2, {"lamp": 2})
    assert [row.mark for row in memory.service_database(OWN).journal.values()] == [Mark.EXECUTED]


async def test_a_rejection_rolls_back_what_its_step_and_the_steps_before_it_wrote(rows: dict[str, object]) -> None:
    rows["lamp"] = 3

    ending = await ending_of(packed, "lamp")

    assert (ending.status, ending.reason, rows) == ("compensated", "pack: no box", {"lamp": 3})


@pytest.mark.parametrize("step", ["count", "model"])
async def test_sql_is_refused_with_what_to_use_instead(step: str) -> None:
    asked = saga.Definition(f"{step}_once", input=str)
    asked.step(f"inventory.{step}", read_only=True, retry=saga.Retry(attempts=1))

    ending = await ending_of(asked, "lamp")

    assert "memory:// has no SQL" in (ending.reason or "")
    assert "ctx.sql.put(key, value)" in (ending.reason or "")


async def test_the_database_of_the_store_makes_steps_transactional() -> None:
    same = saga.Participant("same", database=STORE)

    @same.step
    async def note(text: str, ctx: saga.Context) -> None:
        await ctx.sql.put(text, 1)

    async with saga.connect(store=STORE) as sagas, sagas.serve(same):
        assert (await sagas.adapter.directory.contracts())["same.note"].mode.name == "TRANSACTIONAL"


async def test_a_row_that_does_not_exist_cannot_be_marked() -> None:
    async with MemoryJournal(ServiceDatabase()).transaction() as transaction:
        with pytest.raises(NotFound):
            await transaction.mark(uuid4(), 0, Mark.COMPENSATED)
