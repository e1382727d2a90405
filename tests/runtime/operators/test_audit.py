"""The action of an operator and its line in the audit are one transaction."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from saga import Conflict, SagaError, UsageError
from saga import operations as module
from saga.app import App
from saga.core.rules import events as ev
from saga.errors import ActionRefused, PlanChanged
from saga.inspection.actions.request import ActionRequest
from saga.memory.adapter import MemoryAdapter
from saga.operations import ANY_PLAN
from saga.operations import By as Actor
from saga.ports.values.audit import REQUEST_CHARS_MAX, Action, Audit, AuditFilter
from saga.ports.values.overdue import OverdueSaga
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.redrive import Redriver
from tests.runtime.world import By, Gate, Sql, World, slow_saga, until

BY: By = {"actor": "ann", "reason": "a test"}
REFUSED = (
    "create function no() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '{}'; end $$;"
    "create trigger no before insert on audit for each row execute function no()"
)
KILLED = """
create sequence attempts;
create function die() returns trigger language plpgsql as $$ begin
    if nextval('attempts') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
    return null;
end $$;
create constraint trigger die after insert on audit deferrable initially {} for each row execute function die()"""
PAUSE, RESUME, ROLL_BACK = (ActionRequest(name) for name in ("pause", "resume", "roll back"))
AUDIT = (
    "select action, detail #>> '{before,paused}' as before, detail #>> '{after,paused}' as after from audit order by id"
)


@pytest.mark.parametrize("errcode", ["53100", "23514", "P0001"])
async def test_an_action_that_the_audit_cannot_record_changes_nothing(
    world: World, sql: Sql, errcode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS_MAX", 2.0)
    gate = Gate()
    service, definition, _ = slow_saga(gate, None)
    sagas, worker = await world.join(), await world.join(service)
    handle = await worker.start(definition)
    await sql.execute(REFUSED.format(errcode))

    with pytest.raises(SagaError):
        await sagas.operations.pause(handle.id, **BY)

    assert not (await sagas.snapshot(handle.id)).state.paused
    assert await sql.fetchval("select count(*) from audit") == 0
    await sql.execute("drop trigger no on audit")  # a process that stops tries for some seconds to commit what is left
    gate.open()


async def test_an_action_is_audited_with_the_state_that_it_was_decided_on(world: World, sql: Sql) -> None:
    service, definition, _ = slow_saga(Gate(), None)
    sagas = await world.join(service)
    handle = await sagas.start(definition)

    await sagas.operations.pause(handle.id, **BY)
    with pytest.raises(Conflict):
        await sagas.operations.pause(handle.id, **BY)
    await sagas.operations.resume(handle.id, **BY)

    assert [tuple(row) for row in await sql.fetch(AUDIT)] == [
        ("pause", "false", "true"),
        ("pause", "true", "true"),  # it was tried
        ("resume", "true", "false"),
    ]


async def test_an_action_in_memory_is_audited_with_its_change() -> None:
    async with World(f"memory://{uuid.uuid4()}") as world:
        service, definition, _ = slow_saga(Gate(), None)
        sagas = await world.join(service)
        handle = await sagas.start(definition)

        await sagas.operations.pause(handle.id, **BY)

        adapter = sagas.process.adapter
        assert isinstance(adapter, MemoryAdapter)
        (line,) = adapter.database.audit
        assert (line.audit.action.actor, line.audit.action.action) == ("ann", "pause")
        before, after = line.audit.detail["before"], line.audit.detail["after"]
        assert isinstance(before, dict)
        assert after == before | {"paused": True}


async def is_first_done(sagas: App, saga: uuid.UUID) -> bool:
    return (await sagas.snapshot(saga)).state.vector == "SDP"


@pytest.mark.parametrize("moment", ["immediate", "deferred"])
async def test_a_server_that_dies_between_change_and_audit_has_neither(world: World, sql: Sql, moment: str) -> None:
    """It dies at the insert, or at the commit; the next attempt does both."""
    service, definition, _ = slow_saga(Gate(), None)
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await sql.execute(KILLED.format(moment))

    acted = await sagas.operations.act(handle.id, PAUSE, Actor("ann", "a test", "token 7", "::1", "r-1"))

    assert await sql.fetchval("select last_value from attempts") == 2
    assert acted.saga.state.paused
    assert (acted.line.audit.action.authenticated, acted.line.audit.action.address) == ("token 7", "::1")
    assert [tuple(row) for row in await sql.fetch(AUDIT)] == [("pause", "false", "true")]


async def test_a_repeated_request_gets_the_first_answer_and_is_not_done_again(any_world: World) -> None:
    gate = Gate()
    service, definition, _ = slow_saga(gate, None)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    first, by = Actor("ann", "a test", request="r-1"), Actor("ann", "again", request="r-2")
    paused = await sagas.operations.act(handle.id, PAUSE, first)
    await sagas.operations.act(handle.id, RESUME, by)

    repeated = await sagas.operations.act(handle.id, PAUSE, first)

    assert (paused.is_replayed, repeated.is_replayed) == (False, True)
    assert repeated.line == paused.line
    assert not repeated.saga.state.paused, "it was resumed meanwhile"
    for saga, request, actor in ((handle.id, RESUME, "ann"), (handle.id, PAUSE, "bob"), (uuid.uuid4(), PAUSE, "ann")):
        with pytest.raises(UsageError, match="was made for another action"):
            await sagas.operations.act(saga, request, Actor(actor, "a test", request="r-1"))


async def test_a_request_that_comes_twice_at_once_is_done_once(any_world: World) -> None:
    service, definition, _ = slow_saga(Gate(), None)
    sagas, other = await any_world.join(service), await any_world.join()
    handle = await sagas.start(definition)
    by = Actor("ann", "a test", request="r-1")

    acted = await asyncio.gather(*(one.operations.act(handle.id, PAUSE, by) for one in (sagas, other, sagas)))

    assert len({each.line.id for each in acted}) == 1
    assert len(await sagas.adapter.ledger.audits(AuditFilter(saga=handle.id))) == 1


async def test_a_refused_request_is_refused_again_in_the_same_words(any_world: World) -> None:
    service, definition, _ = slow_saga(Gate(), None)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    by, skip = Actor("ann", "a test", request="r-1"), ActionRequest("skip", "wait")
    refused: list[ActionRefused] = []
    for _ in range(2):
        with pytest.raises(ActionRefused, match="has no quarantined step wait") as caught:
            await sagas.operations.act(handle.id, skip, by)
        refused.append(caught.value)

    assert [error.is_replayed for error in refused] == [False, True]
    (line,) = await sagas.adapter.ledger.audits(AuditFilter(saga=handle.id))
    assert line.audit.action.action == "skip"
    assert str(refused[1]) == f"cannot skip: {line.audit.refusal}"


async def test_a_request_that_was_refused_meanwhile_is_not_carried_out(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has decided the same request, and refused it, between its decision here and its commit."""
    service, definition, _ = slow_saga(Gate(), None)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    ledger, group_for = sagas.adapter.ledger, Redriver.group_for

    async def refusing(redriver: Redriver, saga: OverdueSaga, events: Sequence[ev.Event]) -> OutcomeGroup:
        await ledger.record(handle.id, Audit(Action("ann", "pause", None, None, request="r-1"), {}, "no"))
        return await group_for(redriver, saga, events)

    monkeypatch.setattr(Redriver, "group_for", refusing)
    with pytest.raises(ActionRefused, match="cannot pause: no"):
        await sagas.operations.act(handle.id, PAUSE, Actor("ann", "a test", request="r-1"))

    assert not (await sagas.snapshot(handle.id)).state.paused
    assert len(await ledger.audits(AuditFilter(saga=handle.id))) == 1


async def test_a_request_that_is_refused_twice_at_once_is_recorded_once() -> None:
    async with World(f"memory://{uuid.uuid4()}") as world:
        service, definition, _ = slow_saga(Gate(), None)
        sagas = await world.join(service)
        handle = await sagas.start(definition)
        skip, by = ActionRequest("skip", "wait"), Actor("ann", "a test", request="r-1")

        answers = await asyncio.gather(
            *(sagas.operations.act(handle.id, skip, by) for _ in range(3)), return_exceptions=True
        )

        assert [type(answer) for answer in answers] == [ActionRefused] * 3
        assert len(await sagas.adapter.ledger.audits(AuditFilter(saga=handle.id))) == 1


@pytest.mark.parametrize("request_id", ["", "é", "a\n", "x" * (REQUEST_CHARS_MAX + 1)])
async def test_a_request_id_must_be_short_printable_ascii(any_world: World, request_id: str) -> None:
    sagas = await any_world.join()

    with pytest.raises(UsageError, match="printable ASCII"):
        await sagas.operations.act(uuid.uuid4(), PAUSE, Actor("ann", "a test", request=request_id))


async def test_an_approved_plan_is_carried_out_only_while_it_is_the_plan(any_world: World) -> None:
    gate = Gate()
    service, definition, undone = slow_saga(gate, None)
    sagas = await any_world.join(service)
    handle = await sagas.start(definition)
    await until(lambda: is_first_done(sagas, handle.id), "the first step is recorded")
    approved = await sagas.operations.plan(handle.id, ROLL_BACK)
    await sagas.operations.pause(handle.id, **BY, expected_plan=ANY_PLAN)

    with pytest.raises(PlanChanged) as changed:  # nothing is undone before it is resumed
        await sagas.operations.roll_back(handle.id, **BY, expected_plan=approved.digest)

    assert changed.value.plan == (await sagas.operations.plan(handle.id, ROLL_BACK)).document()
    await sagas.operations.resume(handle.id, **BY)
    await sagas.operations.roll_back(handle.id, **BY, expected_plan=approved.digest)  # another version, the same plan
    rolled_back, *others = await sagas.adapter.ledger.audits(AuditFilter(saga=handle.id))
    assert rolled_back.audit.action.plan == approved.digest
    assert [line.audit.action.action for line in others] == ["resume", "pause"], "what was not approved is not recorded"
    gate.open()
    assert (await handle.result(10)).status == "compensated"
    assert undone == ["first"]


async def test_an_action_is_decided_again_on_the_version_that_it_is_committed_on(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its decision and its commit another process pauses the saga: the plan that was approved does not hold any more."""
    gate = Gate()
    service, definition, _ = slow_saga(gate, None)
    sagas, other = await any_world.join(service), await any_world.join()
    handle = await sagas.start(definition)
    await until(lambda: is_first_done(sagas, handle.id), "the first step is recorded")
    approved, group_for = await sagas.operations.plan(handle.id, ROLL_BACK), Redriver.group_for

    async def pausing(redriver: Redriver, saga: OverdueSaga, events: Sequence[ev.Event]) -> OutcomeGroup:
        if redriver is sagas.process.redriver and not saga.state.paused:
            await other.operations.pause(handle.id, **BY)
        return await group_for(redriver, saga, events)

    monkeypatch.setattr(Redriver, "group_for", pausing)
    with pytest.raises(PlanChanged):
        await sagas.operations.roll_back(handle.id, **BY, expected_plan=approved.digest)
    await sagas.operations.roll_back(handle.id, **BY)

    lines = await sagas.adapter.ledger.audits(AuditFilter(saga=handle.id))
    assert [line.audit.action.action for line in lines] == ["roll back", "pause"]
    before = lines[0].audit.detail["before"]
    assert isinstance(before, dict)
    assert before["paused"]
