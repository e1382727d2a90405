"""Reading sagas, and the record of what people did."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

from saga.core.state.phase import Phase
from saga.errors import NotFound
from saga.ports.listing import SagaFilter
from saga_postgres.connection.pool import Pool
from saga_postgres.reading.ledger import PostgresLedger
from tests.postgres.rows import Tables, add_command, add_definition, add_event, add_saga


@pytest.fixture
def ledger(pool: Pool) -> PostgresLedger:
    return PostgresLedger(pool)


async def ids(ledger: PostgresLedger, wanted: SagaFilter) -> list[UUID]:
    return [line.saga for line in await ledger.lines(wanted)]


async def test_a_snapshot_shows_the_row_its_results_and_its_commands(ledger: PostgresLedger, tables: Tables) -> None:
    definition = await add_definition(tables)
    saga = await add_saga(tables, definition, "SDD", reason="why", waiter=7)
    await tables.execute("insert into step values ($1, 0, now(), null, 1, null, null, '41')", saga)
    await add_command(tables, saga, 1, owner=3)
    await add_command(tables, saga, 2)
    await tables.execute("update command set quiet_at = now() + interval '1 minute' where step = 2")

    snapshot = await ledger.snapshot(saga)

    assert (snapshot.definition, snapshot.definition_name, snapshot.definition_version) == (definition, "order", 1)
    assert snapshot.state.vector == "SDD"
    assert snapshot.state.reason == "why"
    assert snapshot.held == {1, 2}
    assert (*snapshot.claimed, *snapshot.unquiet) == (1, 2)
    assert (snapshot.results, snapshot.input, snapshot.ended_at) == ({0: b"41"}, b"{}", None)


async def test_the_clock_of_a_snapshot_translates_local_time_into_the_store_s(
    ledger: PostgresLedger, tables: Tables
) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")

    snapshot = await ledger.snapshot(saga)

    assert abs(time.monotonic() + snapshot.store_clock - time.time()) < 5
    assert abs(snapshot.started_at - time.time()) < 5


async def test_a_saga_that_is_not_there_is_named(ledger: PostgresLedger) -> None:
    saga = uuid4()

    with pytest.raises(NotFound, match=str(saga)):
        await ledger.snapshot(saga)


async def test_a_start_key_leads_to_its_saga(ledger: PostgresLedger, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await tables.execute("insert into start_key values ('order', 'k', $1, '')", saga)

    assert await ledger.find_key("order", "k") == saga
    assert await ledger.find_key("refund", "k") is None


async def test_the_list_begins_with_the_newest(ledger: PostgresLedger, tables: Tables) -> None:
    definition = await add_definition(tables)
    old, new, middle = [await add_saga(tables, definition, "DPP", age_seconds=age) for age in (300, 10, 60)]

    assert await ids(ledger, SagaFilter()) == [new, middle, old]
    assert await ids(ledger, SagaFilter(limit=2)) == [new, middle]
    assert await ids(ledger, SagaFilter(started_since=time.time() - 100)) == [new, middle]


async def test_the_list_can_be_narrowed(ledger: PostgresLedger, tables: Tables) -> None:
    orders, refunds = await add_definition(tables), await add_definition(tables, name="refund")
    running = await add_saga(tables, orders, "DPP", age_seconds=4)
    stuck = await add_saga(tables, orders, "SkV", phase="C", age_seconds=3)
    done = await add_saga(tables, orders, "SSS", phase="D", age_seconds=2)
    refund = await add_saga(tables, refunds, "DPP", age_seconds=1)

    assert await ids(ledger, SagaFilter(phases=frozenset({Phase.RUNNING}))) == [refund, running]
    assert await ids(ledger, SagaFilter(phases=frozenset({Phase.COMPLETED, Phase.COMPENSATING}))) == [done, stuck]
    assert await ids(ledger, SagaFilter(definition_name="refund")) == [refund]
    assert await ids(ledger, SagaFilter(stuck=True)) == [stuck]
    assert await ids(ledger, SagaFilter(phases=frozenset({Phase.COMPLETED}), definition_name="refund")) == []


async def test_a_line_says_what_a_person_looks_for(ledger: PostgresLedger, tables: Tables) -> None:
    saga = await add_saga(
        tables, await add_definition(tables), "SdP", rollback_requested=True, paused=True, reason="why"
    )
    await tables.execute("insert into start_key values ('order', 'k', $1, '')", saga)
    await add_event(tables, saga, "quarantined", step=1)

    (line,) = await ledger.lines(SagaFilter())

    assert (line.definition_name, line.definition_version, line.phase) == ("order", 1, Phase.RUNNING)
    assert (line.is_rollback_requested, line.is_paused, line.is_stuck) == (True, True, True)
    assert (line.steps, line.reason, line.key, line.deadline, line.ended_at) == (("b",), "why", "k", None, None)
    assert line.since >= line.started_at


async def test_counts_are_by_phase(ledger: PostgresLedger, tables: Tables) -> None:
    definition = await add_definition(tables)
    for vector, phase in [("DPP", "R"), ("SdP", "R"), ("SSS", "D")]:
        await add_saga(tables, definition, vector, phase=phase)

    counts = await ledger.counts()

    assert (counts.phases, counts.stuck) == ({Phase.RUNNING: 2, Phase.COMPLETED: 1}, 1)
