"""Rows that somebody's open transaction holds for long: only their own sagas wait, however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from saga import Definition, Participant
from saga.app import App
from saga.client import Handle
from saga.runtime.commit.committer import APART_AT_ONCE, COMMITS_AT_ONCE
from saga.runtime.commit.starter import STARTS_AT_ONCE
from tests.runtime.world import By, Gate, Sql, World, until

LOCKED = COMMITS_AT_ONCE + APART_AT_ONCE + 2
BY = By(actor="ops", reason="a test")


def gated(url: str, *, external: bool) -> tuple[Participant, Definition, list[Gate], Definition]:
    """Sagas that wait for a gate of their own, and one that waits for nothing; both in the same mode."""
    service, gates = Participant("service", database=url), [Gate() for _ in range(LOCKED)]

    @service.step(external=external)
    async def wait(number: int) -> None:
        await gates[number].wait()

    @wait.compensation
    async def undo(number: int) -> None: ...

    @service.step(external=external)
    async def work() -> None: ...

    @work.compensation
    async def undo_work() -> None: ...

    waits, works = Definition("waits"), Definition("works")
    waits.step("service.wait")
    works.step("service.work")
    return service, waits, gates, works


async def started(sagas: App, definition: Definition, gates: list[Gate]) -> list[Handle[None]]:
    handles = [await sagas.start(definition, number) for number in range(len(gates))]
    for gate in gates:
        await gate.somebody_waits()
    return handles


@asynccontextmanager
async def locked(sql: Sql, table: str, handles: list[Handle[None]]) -> AsyncIterator[None]:
    """An operator looks at these rows in a transaction, and forgets to end it."""
    key = "id" if table == "saga" else "saga"
    async with sql.transaction():
        await sql.execute(f"select from {table} where {key} = any ($1) for update", [handle.id for handle in handles])
        yield


async def is_waited_for(sql: Sql, times: int = 1) -> bool:
    return bool(await sql.fetchval("select count(*) >= $1 from pg_locks where not granted", times))


@pytest.mark.parametrize("external", [True, False], ids=["external", "transactional"])
@pytest.mark.parametrize("table", ["saga", "command"])
async def test_locked_sagas_stop_no_other(world: World, sql: Sql, *, external: bool, table: str) -> None:
    service, waits, gates, works = gated(world.url, external=external)
    sagas = await world.join(service, lease=60, redrive=60, handler_connections=LOCKED)
    handles = await started(sagas, waits, gates)
    async with locked(sql, table, handles):
        for gate in gates:
            gate.open()
            await until(lambda: is_waited_for(sql), "a commit waits for the row")

        for _ in range(2):
            await (await sagas.start(works)).result(8)

    for handle in handles:
        await handle.result(15)


async def test_keys_of_open_transactions_stop_no_other_start(world: World, sql: Sql) -> None:
    service, _, _, works = gated(world.url, external=True)
    sagas = await world.join(service)
    await sagas.register(works)
    keys = [f"order-{number}" for number in range(LOCKED)]
    async with sql.transaction():
        first = [await sagas.start(works, key=key, tx=sql) for key in keys]
        again = []
        for key in keys:
            again.append(asyncio.create_task(sagas.start(works, key=key)))
            held = min(len(again), STARTS_AT_ONCE)
            await until(partial(is_waited_for, sql, held), "a start waits for the key")

        for _ in range(2):
            await (await sagas.start(works)).result(8)

        assert not any(start.done() for start in again)

    assert [(await start).id for start in again] == [handle.id for handle in first]


async def test_actions_on_locked_sagas_stop_no_other(world: World, sql: Sql) -> None:
    service, waits, gates, works = gated(world.url, external=True)
    sagas = await world.join(service, lease=60, redrive=60)
    handles = await started(sagas, waits, gates)
    async with locked(sql, "saga", handles):
        actions = [asyncio.create_task(sagas.operations.pause(handle.id, **BY)) for handle in handles]
        await until(lambda: is_waited_for(sql), "an action waits for the row")

        for _ in range(2):
            await (await sagas.start(works)).result(8)

        assert not any(action.done() for action in actions)

    assert all([(await action).state.paused for action in actions])
    for gate, handle in zip(gates, handles, strict=True):
        await sagas.operations.resume(handle.id, **BY)
        gate.open()
        await handle.result(15)
