"""A single saga is written by statements of its own: they write the same rows as a batch, and get nothing that they cannot write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.start import Start
from saga.ports.values.write import Delay, Dispatch, Drop, Result, Write, WriteConflict
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.hot_path import store as store_module
from saga_postgres.hot_path.single_parameters import single_commit, single_start
from tests.postgres.rows import Tables, add_command, add_definition, add_process, add_saga

EXECUTE, COMPENSATE = Operation.EXECUTE, Operation.COMPENSATE
ME = 0  # stands for the process that commits
CLAIM = 3

ROWS = """
select to_jsonb(s) - '{id,started_at,ended_at,wake_at,deadline}'::text[]
       || jsonb_build_object('ended', s.ended_at is not null, 'wakes in', round(extract(epoch from s.wake_at - now())),
                             'deadline in', round(extract(epoch from s.deadline - now()))) as row
from saga s where s.id = $1
union all
select to_jsonb(c) - '{saga,due_at,lease_until,quiet_at,first_failed_at}'::text[]
       || jsonb_build_object('due in', case when c.due_at < 'infinity' then round(extract(epoch from c.due_at - now())) end,
                             'lease', round(extract(epoch from c.lease_until - now())), 'failed', c.first_failed_at is not null)
from command c where c.saga = $1
union all
select to_jsonb(t) - '{saga,finished_at}'::text[] from step t where t.saga = $1
union all
select to_jsonb(e) - '{saga,at}'::text[] from event e where e.saga = $1
union all
select to_jsonb(k) - '{saga,key}'::text[] from start_key k where k.saga = $1
"""


def state(vector: str, phase: Phase = Phase.RUNNING, reason: str | None = None) -> State:
    return State(phase, vector, rollback_requested=False, paused=False, deadline=None, reason=reason)


def success(**changes: Any) -> Write:
    """The second of three steps has succeeded, and the third follows in the same process."""
    write = Write(
        UUID(int=0),
        1,
        changed=True,
        state=state("SSD"),
        drops=[Drop(1, None)],
        dispatches=[Dispatch(2, EXECUTE, "service", ME, CLAIM + 1, 0.0)],
        results=[Result(1, 2, b'"done\\\\"')],
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None),),
    )
    return replace(write, **changes)


def given_to(owner: int | None, operation: Operation = EXECUTE, step: int = 2, after: float = 0.0) -> list[Dispatch]:
    return [Dispatch(step, operation, "service", owner, None if owner is None else CLAIM + 1, after)]


ENDED = {"dispatches": [], "drops": [Drop(1, None)]}
WRITES = {
    "here": success(),
    "queued": success(dispatches=given_to(None)),
    "queued for later": success(dispatches=given_to(None, after=5.0)),
    "without a value": success(results=[Result(1, 1, None)]),
    "without a result": success(results=[]),
    "with a detail": success(entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, "it's {late}"),)),
    "of a claim that is the newest": success(drops=[Drop(1, CLAIM)]),
    "of a claim that is not the newest": success(drops=[Drop(1, CLAIM - 1)]),
    "the last one": success(
        state=state("SSS", Phase.COMPLETED),
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None), HistoryEntry(HistoryKind.COMPLETED, -1, None)),
        **ENDED,
    ),
    "at the end of a pause": success(
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None), HistoryEntry(HistoryKind.RESUMED, -1, None))
    ),
    "back": success(
        state=state("KZV", Phase.COMPENSATING, 'no "stock", NULL'),
        dispatches=given_to(ME, COMPENSATE, 0),
        results=[],
        entries=(HistoryEntry(HistoryKind.COMPENSATED, 1, None),),
    ),
    "back at the start": success(
        state=state("ZZV", Phase.COMPENSATED, "no stock"),
        results=[],
        entries=(HistoryEntry(HistoryKind.COMPENSATED, 1, None), HistoryEntry(HistoryKind.ROLLING_BACK, -1, None)),
        **ENDED,
    ),
}
BEFORE: dict[str, dict[str, Any]] = {
    "a queued command": {"deliveries": 2, "failures": 1, "isolated_attempts": 1, "error": "refused"},
    "a parked command": {"deliveries": 2, "failures": 1, "error": "parked"},
    "a claim": {"owner": 5, "claim": 77, "deliveries": 1},
    "another operation": {"op": b"O", "owner": 5, "claim": 77, "deliveries": 3, "failures": 2},
}


@pytest.mark.parametrize("name", WRITES)
async def test_it_writes_what_a_batch_of_one_writes(
    adapter: PostgresAdapter, tables: Tables, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    definition, process = await add_definition(tables), await add_process(tables, "we", "service")

    async def committed(before: str, *, wait: bool) -> list[Any]:
        saga = await add_saga(
            tables, definition, "SDP", version=1, paused=True, rollback_requested=True, reason="before"
        )  # fmt: skip
        await add_command(tables, saga, 1, owner=process, claim=CLAIM, deliveries=1)
        for dispatch in WRITES[name].dispatches if before else ():
            await add_command(tables, saga, dispatch.step, **BEFORE[before])
            await tables.execute("update command set due_at = 'infinity' where error = 'parked'")
        write = of(WRITES[name], saga, process)
        assert await adapter.store.commit([write], Notifications(), process=process, durable=True, wait=wait) == []
        return await rows_of(tables, saga)

    for before, wait in [("", True), ("", False), *((before, False) for before in BEFORE)]:
        with monkeypatch.context() as patched:
            patched.setattr(store_module, "commit_columns", never)
            alone = await committed(before, wait=wait)
        with monkeypatch.context() as patched:
            patched.setattr(store_module, "single_commit", lambda *_: None)
            assert alone == await committed(before, wait=wait), before
        assert len(alone) >= 2


async def test_a_result_that_is_there_stays(adapter: PostgresAdapter, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=1)
    await tables.execute(
        "insert into step (saga, step, finished_at, attempts, result) values ($1, 1, now(), 1, 'first')", saga
    )
    assert (
        await adapter.store.commit([of(success(), saga, 1)], Notifications(), process=1, durable=True, wait=False) == []
    )
    assert await tables.fetchval("select result from step") == b"first"


@pytest.mark.parametrize("wait", [False, True])
async def test_a_saga_that_has_moved_on_is_a_write_conflict_and_nothing_is_written(
    adapter: PostgresAdapter, tables: Tables, *, wait: bool
) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=2)
    await add_command(tables, saga, 1, owner=1, claim=CLAIM)
    before, heard = await rows_of(tables, saga), await listening(tables, 1)
    notifications = Notifications(claim_refs={1: [CommandRef(saga, 2)]})
    conflicts = await adapter.store.commit([of(success(), saga, 1)], notifications, process=1, durable=True, wait=wait)
    assert [(conflict.version, conflict.state) for conflict in conflicts] == [(2, state("SDP"))]
    assert await rows_of(tables, saga) == before
    assert await until_told(tables, heard) == ["c"]  # an address: the batch that finds the conflict says it in any case


async def test_a_saga_that_is_locked_is_a_write_conflict_at_once_or_is_waited_for(
    adapter: PostgresAdapter, tables: Tables
) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=1)

    async def commit(*, wait: bool) -> list[WriteConflict]:
        return await adapter.store.commit([of(success(), saga, 1)], Notifications(), process=1, durable=True, wait=wait)

    async with tables.transaction():
        await tables.execute("select from saga for update")
        assert len(await commit(wait=False)) == 1
        waiting = asyncio.create_task(commit(wait=True))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)
    assert await waiting == []
    assert await tables.fetchval("select version from saga") == 2


async def test_a_saga_that_moves_on_while_it_is_waited_for_is_a_write_conflict(
    adapter: PostgresAdapter, tables: Tables
) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=1)
    async with tables.transaction():
        await tables.execute("update saga set version = 2")
        commit = adapter.store.commit([of(success(), saga, 1)], Notifications(), process=1, durable=True, wait=True)
        waiting = asyncio.create_task(commit)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)
    (conflict,) = await waiting
    assert conflict.version == 2
    assert await tables.fetchval("select count(*) from event") == 0


MORE: dict[str, Callable[[], Write]] = {
    "it changes nothing": lambda: success(changed=False),
    "a rejection": lambda: success(fences=[(1, CLAIM)]),
    "a delay": lambda: success(delays=[Delay(1, CLAIM, 1.0, 0.0, 1, None)]),
    "a moved deadline": lambda: success(is_deadline_moved=True),
    "a time to wake": lambda: success(wake_seconds=1.0),
    "a cancel": lambda: success(state=replace(state("SSD"), rollback_requested=True)),
    "a pause": lambda: success(state=replace(state("SSD"), paused=True)),
    "no claim that ends": lambda: success(drops=[]),
    "two that end": lambda: success(drops=[Drop(1, None), Drop(0, None)]),
    "two that follow": lambda: success(dispatches=given_to(ME) + given_to(ME, step=0)),
    "two results": lambda: success(results=[Result(1, 1, None), Result(0, 1, None)]),
    "the result of another step": lambda: success(results=[Result(0, 1, None)]),
    "no line of history": lambda: success(entries=()),
    "a line about another step": lambda: success(entries=(HistoryEntry(HistoryKind.SUCCEEDED, 0, None),)),
    "lines about two steps": lambda: success(
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None), HistoryEntry(HistoryKind.VOIDED, 2, None))
    ),
    "a detail of what is said of the saga": lambda: success(
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None), HistoryEntry(HistoryKind.COMPLETED, -1, "so"))
    ),
    "three lines": lambda: success(
        entries=(HistoryEntry(HistoryKind.SUCCEEDED, 1, None), *[HistoryEntry(HistoryKind.COMPLETED, -1, None)] * 2)
    ),
}


@pytest.mark.parametrize("more", MORE)
def test_a_write_of_more_than_that_is_left_to_the_batch(more: str) -> None:
    assert single_commit(success()) is not None
    assert single_commit(MORE[more]()) is None


def start(**changes: Any) -> Start:
    order = Start(
        saga=uuid4(),
        definition=1,
        definition_name="order",
        state=state("DPP"),
        deadline_seconds=None,
        input=b'{"n": 1}',
        key=None,
        input_hash=b"hash",
        tags=None,
        dispatches=given_to(ME, step=0),
        entries=(HistoryEntry(HistoryKind.STARTED, -1, None),),
    )
    return replace(order, **changes)


STARTS = {
    "here": start(),
    "with everything": start(
        deadline_seconds=9.0, tags='{"a": "b"}', trace="00-aa-bb-01", dispatches=given_to(None, step=0)
    ),
    "after a late deadline": start(deadline_seconds=9_999.0),
    "under a key": start(key="k"),
}


@pytest.mark.parametrize("name", STARTS)
async def test_it_starts_what_a_batch_of_one_starts(
    adapter: PostgresAdapter, tables: Tables, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    process = await add_process(tables, "we", "service")

    async def started() -> list[Any]:
        key = STARTS[name].key and str(uuid4())
        order = of_start(replace(STARTS[name], saga=uuid4(), key=key), process)
        assert await adapter.store.start([order], Notifications(), process=process, waiter=None, is_retry=False) == []
        return await rows_of(tables, order.saga)

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "start_columns", never)
        alone = await started()
    monkeypatch.setattr(store_module, "single_start", lambda *_: None)
    assert alone == await started()
    assert len(alone) == 3 + (STARTS[name].key is not None)


async def test_a_start_under_a_key_that_is_taken_writes_and_tells_nothing(
    adapter: PostgresAdapter, tables: Tables
) -> None:
    first, second = of_start(start(key="k"), 1), of_start(start(key="k", input_hash=b"other"), 1)
    assert await adapter.store.start([first], Notifications(), process=1, waiter=None, is_retry=False) == []
    heard = await listening(tables, 1)
    notifications = Notifications(claim_refs={1: [CommandRef(second.saga, 0)]})
    (taken,) = await adapter.store.start([second], notifications, process=1, waiter=None, is_retry=False)
    assert (taken.position, taken.saga, taken.is_same_input) == (0, first.saga, False)
    assert await rows_of(tables, second.saga) == []
    assert await until_told(tables, heard) == ["c"]


def test_a_start_of_more_than_one_step_is_left_to_the_batch() -> None:
    assert single_start(start()) is not None
    assert single_start(start(dispatches=given_to(ME, step=0) + given_to(ME, step=1))) is None
    assert single_start(start(dispatches=[])) is None
    assert (
        single_start(
            start(entries=(HistoryEntry(HistoryKind.STARTED, -1, None), HistoryEntry(HistoryKind.VOIDED, 0, None)))
        )
        is None
    )
    assert single_start(start(entries=(HistoryEntry(HistoryKind.SUCCEEDED, 0, None),))) is None


async def test_a_process_is_notified_once(adapter: PostgresAdapter, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=1)
    heard = await listening(tables, 1)
    notifications = Notifications(claim_refs={1: [CommandRef(saga, 2)]})
    assert (
        await adapter.store.commit([of(success(), saga, 1)], notifications, process=1, durable=True, wait=False) == []
    )
    assert await until_told(tables, heard) == ["c"]


async def test_two_processes_to_notify_are_left_to_the_batch(adapter: PostgresAdapter, tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "SDP", version=1)
    first, second = await listening(tables, 1), await listening(tables, 2)
    notifications = Notifications(claim_refs={1: [CommandRef(saga, 2)]}, ended={2: [saga]})
    assert (
        await adapter.store.commit([of(success(), saga, 1)], notifications, process=1, durable=True, wait=False) == []
    )
    assert await until_told(tables, first) == ["c"]
    assert await until_told(tables, second) == ["e"]


def of(write: Write, saga: UUID, process: int) -> Write:
    """The write for this saga; what is for `ME` is for the process."""
    dispatches = [
        replace(dispatch, owner=process if dispatch.owner == ME else dispatch.owner) for dispatch in write.dispatches
    ]
    return replace(write, saga=saga, dispatches=dispatches)


def of_start(order: Start, process: int) -> Start:
    dispatches = [
        replace(dispatch, owner=process if dispatch.owner == ME else dispatch.owner) for dispatch in order.dispatches
    ]
    return replace(order, dispatches=dispatches)


async def rows_of(tables: Tables, saga: UUID) -> list[Any]:
    return sorted((json.loads(row["row"]) for row in await tables.fetch(ROWS, saga)), key=str)


async def listening(tables: Tables, process: int) -> list[str]:
    heard: list[str] = []
    await tables.add_listener(f"saga_saga_p_{process}", lambda *said: heard.append(str(said[3])))
    return heard


async def until_told(tables: Tables, heard: list[str]) -> list[str]:
    """The kinds of what was heard; a query brings all that was told before it."""
    await tables.execute("select 1")
    await asyncio.sleep(0)
    return [payload[:1] for payload in heard]


def never(*_: object) -> Any:
    raise AssertionError("written as a batch")
