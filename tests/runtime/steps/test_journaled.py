"""Journaled steps: made once, voided for good, and forgotten in time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from saga import App, Context, Definition, Participant, Reject, Retry
from saga.core.state.operation import Operation
from saga.ports.clock import SystemClock
from saga.ports.values.claim import Claim
from saga.runtime.journal_retention import JournalRetention, JournalRetentionOptions, journal_retention_options
from saga.runtime.timing.store_clock import StoreClock
from tests.runtime.world import Gate, Sql, World, until

DO = "insert into effect values ($1)"
QUICK = Retry(attempts=None, first="10ms", cap="20ms")


@pytest.fixture
async def own(fresh_database: Callable[[], Awaitable[str]]) -> str:
    """A service's own database."""
    url = await fresh_database()
    connection = await asyncpg.connect(url)
    await connection.execute("create table effect (saga uuid)")
    await connection.close()
    return url


@asynccontextmanager
async def looking_into(url: str) -> AsyncIterator[Sql]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def count(url: str, table: str = "effect") -> int:
    async with looking_into(url) as sql:
        found = await sql.fetchval(
            "select count(*) from effect" if table == "effect" else "select count(*) from saga_journal"
        )
    return int(found)


def service_on(url: str, gate: Gate | None = None) -> tuple[Participant, Definition, list[str]]:
    service, ran = Participant("service", database=url), list[str]()

    @service.step
    async def make(value: Any, ctx: Context) -> str:
        ran.append("make")
        await ctx.sql.execute(DO, ctx.saga_id)
        if gate is not None:
            await gate.wait()
        return "made"

    @make.compensation
    async def unmake(value: Any, made: str, ctx: Context) -> None:
        ran.append("unmake")
        await ctx.sql.execute("delete from effect where saga = $1", ctx.saga_id)
        if ran.count("unmake") == 1:
            raise ConnectionError("once more")

    @service.step
    async def end(value: Any, ctx: Context) -> str:
        ran.append("end")
        await ctx.sql.execute(DO, ctx.saga_id)
        if value == "refuse":
            raise Reject("no")
        return "ended"

    definition = Definition("journaled", input=str)
    made = definition.step("service.make", compensation_retry=QUICK, timeout="60s")
    definition.returns(definition.step("service.end", after=made).output)
    return service, definition, ran


async def claim_again(app: App, saga: UUID, step: int, operation: str = "E") -> Claim:
    """Delivers a command a second time, as if the first report was lost."""
    snapshot = await app.snapshot(saga)
    return Claim(
        saga=saga,
        step=step,
        operation=Operation(operation),
        number=99,
        definition=snapshot.definition,
        version=snapshot.version,
        state=snapshot.state,
        waiter=None,
        input=snapshot.input,
        results=snapshot.results,
        deliveries=1,
        failures=0,
        first_failed_ago=0.0,
        lease_ends=time.monotonic() + 30,
        quiet_at=0.0,
        progress=None,
        store_clock=snapshot.store_clock,
    )


async def test_a_step_that_is_delivered_twice_makes_its_effect_once(world: World, own: str) -> None:
    service, definition, _ = service_on(own)
    sagas = await world.join(service)
    handle = await sagas.start(definition, "go")
    await handle.result(10)
    before = await count(own)
    await sagas.process.executor.run(await claim_again(sagas, handle.id, 0))
    assert await count(own) == before == 2


async def test_a_rejection_is_journaled_and_nothing_of_its_step_stays(world: World, own: str) -> None:
    service, definition, ran = service_on(own)
    sagas = await world.join(service)
    handle = await sagas.start(definition, "refuse")
    assert (await handle.result(10)).reason == "end: no"
    async with looking_into(own) as sql:
        rows = await sql.fetch("select step, state, reason from saga_journal order by step")
    assert [(row["step"], row["state"], row["reason"]) for row in rows] == [(0, b"Z", None), (1, b"F", "no")]
    assert await count(own) == 0
    ran.clear()
    again = await claim_again(sagas, handle.id, 1)
    again.deliveries = 2
    await sagas.process.executor.run(again)
    assert ran == []


async def test_a_compensation_is_made_once_however_often_it_is_delivered(world: World, own: str) -> None:
    service, definition, ran = service_on(own)
    sagas = await world.join(service)
    handle = await sagas.start(definition, "refuse")
    await handle.result(10)
    assert ran.count("unmake") == 2  # the first one failed, and nothing of it stayed
    await sagas.process.executor.run(await claim_again(sagas, handle.id, 0, "C"))
    assert ran.count("unmake") == 2


async def test_a_compensation_that_comes_first_leaves_a_tombstone_that_refuses_the_step(
    world: World, own: str, sql: Sql
) -> None:
    gate = Gate()
    service, definition, ran = service_on(own, gate)
    first = await world.join(service, redrive=1)
    handle = await first.start(definition, "go")
    await gate.somebody_waits()
    await first.operations.roll_back(handle.id, actor="ann", reason="never mind")
    assert (await handle.result(10)).status == "compensated"
    async with looking_into(own) as journal:
        assert await journal.fetchval("select state from saga_journal where step = 0") == b"T"
    assert "had not taken effect" in str((await first.why(handle.id)).note)
    gate.open()
    await until(lambda: first.process.intake.in_flight == 0, "the late step has ended")
    assert await count(own) == 0
    ran.clear()
    late = await claim_again(first, handle.id, 0)
    late.deliveries = 2
    await first.process.executor.run(late)
    assert ran == []


@pytest.mark.parametrize(("state", "why"), [("T", "voided before it was executed"), ("F", "no, for ever")])
async def test_a_step_that_the_journal_refused_before_the_pivot_stays_refused(
    world: World, own: str, state: str, why: str
) -> None:
    service, definition, ran = service_on(own)
    client = await world.join()
    worker = await world.join(service)
    await client.register(definition)
    await worker.process.stop(0)
    handle = await client.start(definition, "go")
    async with looking_into(own) as journal:
        await journal.execute(
            "insert into saga_journal (saga, step, state, reason) values ($1, 0, $2, $3)",
            handle.id,
            state.encode(),
            None if state == "T" else why,
        )
    await world.join(service)
    assert (await handle.result(10)).reason == f"make: {why}"
    assert await count(own) == 0
    assert ran == ["make"]  # the first delivery does not ask; nothing of it stays


async def test_a_pivot_of_unknown_outcome_is_asked_to_void_or_report(world: World, own: str) -> None:
    service, gate = Participant("service", database=own), Gate()

    @service.step
    async def pay(ctx: Context) -> str:
        await ctx.sql.execute(DO, ctx.saga_id)
        await gate.wait()
        return "paid"

    definition = Definition("pivotal")
    definition.returns(definition.step("service.pay", pivot=True, timeout="60s").output)
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.roll_back(handle.id, actor="ann", reason="never mind")
    assert (await handle.result(10)).status == "compensated"
    gate.open()
    await until(lambda: sagas.process.intake.in_flight == 0, "the late step has ended")
    assert await count(own) == 0


def keeper_of(app: App, quiet_seconds: float) -> JournalRetention:
    (journal,) = app._journals.values()
    options = JournalRetentionOptions(age_seconds=0.0, quiet_seconds=quiet_seconds)
    clock = StoreClock(SystemClock())
    clock.offset = time.time() + 60 - time.monotonic()
    return JournalRetention(journal, app.process.ledger, clock, options)


async def test_a_journal_forgets_a_saga_only_after_it_was_seen_ended_for_long_enough(world: World, own: str) -> None:
    service, definition, _ = service_on(own)
    sagas = await world.join(service)
    await (await sagas.start(definition, "go")).result(10)
    keeper = keeper_of(sagas, 0.05)
    assert await keeper.purge() == 0
    await until(keeper.purge, "the rows are gone")
    assert await count(own, "saga_journal") == 0


async def test_a_journal_keeps_the_rows_of_sagas_that_run(world: World, own: str) -> None:
    gate = Gate()
    service, definition, _ = service_on(own, gate)
    sagas = await world.join(service)
    handle = await sagas.start(definition, "go")
    await gate.somebody_waits()
    async with looking_into(own) as journal:
        await journal.execute("insert into saga_journal (saga, step, state) values ($1, 9, 'X')", handle.id)
    keeper = keeper_of(sagas, 0.0)
    assert [await keeper.purge() for _ in range(2)] == [0, 0]
    gate.open()
    await handle.result(10)


async def test_a_journal_keeps_the_rows_of_sagas_that_another_store_may_know(world: World, own: str) -> None:
    service, _, _ = service_on(own)
    sagas = await world.join(service)
    async with looking_into(own) as journal:
        await journal.execute("insert into saga_journal (saga, step, state) values ($1, 0, 'X')", UUID(int=5))
    keeper = keeper_of(sagas, 0.0)
    assert [await keeper.purge() for _ in range(2)] == [0, 0]


def test_a_journal_is_purged_long_before_the_store_forgets_the_saga() -> None:
    for retention_seconds in (600.0, 86_400.0, 30 * 86_400.0):
        options = journal_retention_options(retention_seconds, 30.0)
        assert options.age_seconds + 2 * options.quiet_seconds <= retention_seconds
        assert options.quiet_seconds >= 60.0


async def test_sqlalchemy_takes_part_in_the_transaction_of_a_step(world: World, own: str) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    service = Participant("service", database=own)
    tries: list[int] = []

    @service.step
    async def make(value: Any, ctx: Context) -> str:
        tries.append(1)
        async with ctx.session() as session:
            await session.execute(text("insert into effect values (:saga)"), {"saga": ctx.saga_id})
            await session.commit()  # a savepoint of the step's
        if len(tries) == 1:
            raise ConnectionError("after the session's commit")
        with pytest.raises(RuntimeError):
            await undone(ctx)
        return str(await ctx.sql.fetchval("select count(*) from effect"))

    async def undone(ctx: Context) -> None:
        async with ctx.session() as session:
            await session.execute(text("delete from effect"))
            raise RuntimeError

    definition = Definition("orm")
    definition.returns(definition.step("service.make", retry=Retry(attempts=3, first="10ms")).output)
    sagas = await world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "1"
    assert await count(own) == 1
    assert len(tries) == 2
