"""The action of an operator and its line in the audit are one transaction."""

from __future__ import annotations

import uuid

import pytest

from saga import Conflict, SagaError
from saga import operations as module
from saga.memory.adapter import MemoryAdapter
from tests.runtime.world import By, Gate, Sql, World, slow_saga

BY: By = {"actor": "ann", "reason": "a test"}
REFUSED = (
    "create function no() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '{}'; end $$;"
    "create trigger no before insert on audit for each row execute function no()"
)
AUDIT = (
    "select action, detail #>> '{before,paused}' as before, detail #>> '{after,paused}' as after from audit order by id"
)


@pytest.mark.parametrize("errcode", ["53100", "23514", "P0001"])
async def test_an_action_that_the_audit_cannot_record_changes_nothing(
    world: World, sql: Sql, errcode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS_MAX", 2.0)
    service, definition, _ = slow_saga(Gate(), None)
    sagas, worker = await world.join(), await world.join(service)
    handle = await worker.start(definition)
    await sql.execute(REFUSED.format(errcode))

    with pytest.raises(SagaError):
        await sagas.operations.pause(handle.id, **BY)

    assert not (await sagas.snapshot(handle.id)).state.paused
    assert await sql.fetchval("select count(*) from audit") == 0


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
        assert (line.actor, line.action, line.detail["after"]["paused"]) == ("ann", "pause", True)
