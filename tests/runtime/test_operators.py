"""Actions of operators on sagas, and their audit."""

from __future__ import annotations

import time
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from saga import Conflict, Context, Definition, GiveUp, Participant, Reject, Retry
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.rules import events as ev
from saga.core.state.phase import Phase
from tests.runtime.world import By, Gate, Sql, World, until

ONCE = Retry(attempts=1)
BY: By = {"actor": "ann", "reason": "a test"}


class Stall:
    """A first step whose compensation can fail, a pivot, and a step that fails until it is repaired."""

    def __init__(self, *, rejects: bool = False, returns: bool = True) -> None:
        self.is_broken = True
        self.undone = 0
        self.participant = Participant("stall")

        @self.participant.step(external=True)
        async def pay() -> str:
            return "paid"

        @self.participant.step(external=True)
        async def deliver() -> str:
            if self.is_broken:
                raise Reject("no such street") if rejects else GiveUp("the van is broken")
            return "delivered"

        self.definition = Definition("stall")
        paid = self.definition.step("stall.pay", pivot=True)
        sent = self.definition.step("stall.deliver", after=paid, retry=ONCE, timeout="1s")
        if returns:
            self.definition.returns(sent.output)


async def quarantined(world: World, stall: Stall, sagas: Any) -> Any:
    handle = await sagas.start(stall.definition)

    async def is_stuck() -> bool:
        return bool((await sagas.snapshot(handle.id)).state.is_stuck)

    await until(is_stuck, "a step is quarantined")
    return handle


@pytest.mark.parametrize("rejects", [False, True])
async def test_a_failure_after_the_pivot_is_quarantined_and_can_be_retried(any_world: World, rejects: bool) -> None:  # noqa: FBT001
    stall = Stall(rejects=rejects)
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)
    stall.is_broken = False
    await sagas.operations.retry(handle.id, "deliver", **BY)
    assert (await handle.result(10)).value == "delivered"


async def test_a_retried_step_starts_counting_from_the_beginning(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)
    for _ in range(12):
        await sagas.operations.retry(handle.id, None, **BY)

        async def is_stuck() -> bool:
            return bool((await sagas.snapshot(handle.id)).state.is_stuck)

        await until(is_stuck, "it is quarantined again")
    stall.is_broken = False
    await sagas.operations.retry(handle.id, None, **BY)
    assert (await handle.result(10)).value == "delivered"


async def test_a_rollback_after_the_pivot_is_refused(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)
    with pytest.raises(Conflict):
        await sagas.operations.roll_back(handle.id, **BY)


async def test_an_operator_can_declare_that_a_step_happened(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)
    await sagas.operations.resolve(handle.id, "deliver", "happened", **BY)
    assert (await handle.result(10)).is_completed


async def test_every_action_is_audited_with_actor_reason_and_change(world: World, sql: Sql) -> None:
    stall = Stall()
    sagas = await world.join(stall.participant)
    handle = await quarantined(world, stall, sagas)
    stall.is_broken = False
    await sagas.operations.retry(handle.id, "deliver", **BY)
    await handle.result(10)
    row = await sql.fetchrow(
        "select actor, action, saga, step, reason, detail->'before'->>'vector' as before from audit"
    )
    assert row is not None
    assert tuple(row) == ("ann", "retry", handle.id, 1, "a test", "Sd")


async def test_a_paused_saga_stands_still_until_it_is_resumed(any_world: World) -> None:
    service, gate, ran = Participant("service"), Gate(), list[str]()

    @service.step(external=True, read_only=True)
    async def first() -> None:
        await gate.wait()
        ran.append("first")

    @service.step(external=True)
    async def second() -> None:
        ran.append("second")

    definition = Definition("pausing")
    definition.step("service.second", after=definition.step("service.first"))
    sagas = await any_world.join(service, redrive=1)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.pause(handle.id, **BY)
    gate.open()

    async def is_recorded() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector == "SP"

    await until(is_recorded, "the outcome is recorded all the same")
    assert ran == ["first"]
    await sagas.operations.resume(handle.id, **BY)
    assert (await handle.result(10)).is_completed


async def test_an_operation_on_a_finished_saga_is_refused(any_world: World) -> None:
    stall = Stall()
    stall.is_broken = False
    sagas = await any_world.join(stall.participant)
    handle = await sagas.start(stall.definition)
    await handle.result(10)
    before = await sagas.snapshot(handle.id)
    for act in (sagas.operations.pause, sagas.operations.roll_back, sagas.operations.abandon):
        with pytest.raises(Conflict):
            await act(handle.id, **BY)
    after = await sagas.snapshot(handle.id)
    assert (after.version, after.ended_at) == (before.version, before.ended_at)


async def test_an_operation_does_not_wait_for_the_traffic_of_others(world: World) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True, read_only=True)
    async def wait() -> None:
        await gate.wait()

    definition = Definition("waiting")
    definition.step("service.wait")
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    sagas.process.outcomes._idle.clear()  # as under load, when there is always something to commit
    await sagas.operations.pause(handle.id, **BY)
    await sagas.operations.resume(handle.id, **BY)
    gate.open()


async def test_a_journaled_step_is_not_declared_void_by_an_operator(world: World, fresh_database: Any) -> None:
    own = await fresh_database()
    service, gate = Participant("service", database=own), Gate()

    @service.step
    async def stuck(ctx: Context) -> None:
        await gate.wait()
        raise GiveUp("no")

    definition = Definition("journal")
    definition.step("service.stuck", pivot=True, retry=ONCE, compensation_retry=ONCE)
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    connection = await asyncpg.connect(own)
    await connection.execute("alter table saga_journal rename to elsewhere")  # so that nobody can void the step
    await connection.close()
    gate.open()
    await until_letters(sagas, handle, "w")
    with pytest.raises(Conflict, match="its journal decides"):
        await sagas.operations.resolve(handle.id, "stuck", "did-not-happen", **BY)
    assert (await sagas.snapshot(handle.id)).state.vector == "w"


async def until_letters(sagas: Any, handle: Any, letters: str) -> None:
    async def is_there() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector[0] in letters

    await until(is_there, f"one of {letters}")


async def test_an_external_step_is_not_declared_void_while_a_call_may_arrive(world: World, sql: Sql) -> None:
    service = Participant("service")

    @service.step(external=True)
    async def send() -> None:
        raise GiveUp("no answer")

    definition = Definition("sending")
    definition.step("service.send", pivot=True, retry=ONCE, timeout="300ms")
    sagas = await world.join(service, margin=1)
    handle = await quarantined_send(sagas, definition)
    with pytest.raises(Conflict, match="a call of it may still arrive"):
        await sagas.operations.resolve(handle.id, "send", "did-not-happen", **BY)
    await until(lambda: sql.fetchval("select quiet_at < now() from command"), "the quiet time is over")
    await sagas.operations.resolve(handle.id, "send", "did-not-happen", **BY)
    assert (await handle.result(10)).status == "compensated"


async def quarantined_send(sagas: Any, definition: Definition) -> Any:
    handle = await sagas.start(definition)
    await until_letters(sagas, handle, "d")
    return handle


async def test_a_journaled_rejection_after_the_pivot_can_be_retried(world: World, fresh_database: Any) -> None:
    service = Participant("service", database=await fresh_database())
    answers = [Reject("not today"), None]

    @service.step
    async def pay() -> None: ...

    @service.step
    async def deliver(ctx: Context) -> str:
        answer = answers.pop(0) if answers else None
        if answer is not None:
            raise answer
        return "delivered"

    definition = Definition("again")
    paid = definition.step("service.pay", pivot=True)
    definition.returns(definition.step("service.deliver", after=paid).output)
    sagas = await world.join(service)
    handle = await sagas.start(definition)

    async def is_stuck() -> bool:
        return bool((await sagas.snapshot(handle.id)).state.is_stuck)

    await until(is_stuck, "it is quarantined")
    await sagas.operations.retry(handle.id, "deliver", **BY)
    assert (await handle.result(10)).value == "delivered"


async def test_an_abandoned_saga_makes_no_effect_any_more(world: World) -> None:
    service, gate, made = Participant("service", database=world.url), Gate(), list[str]()

    @service.step
    async def make(ctx: Context) -> None:
        await gate.wait()
        made.append("made")

    definition = Definition("abandoned")
    definition.step("service.make")
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.abandon(handle.id, **BY)
    assert (await handle.result(10)).status == "abandoned"
    gate.open()


@pytest.mark.parametrize("is_undone", [False, True])
async def test_an_abandoned_saga_is_not_final_while_a_call_of_it_may_arrive(any_world: World, is_undone: bool) -> None:  # noqa: FBT001
    """G40, for a compensating call too: the saga once ended at the next redrive while the handler was running."""
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def make() -> None:
        if not is_undone:
            await gate.wait()

    @make.compensation
    async def unmake(value: Any, result: None) -> None:
        await gate.wait()

    @service.step(external=True)
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("abandoned")
    definition.step("service.refuse", after=definition.step("service.make", timeout="1s"))
    sagas = await any_world.join(service, lease=2, margin=2, redrive=1)
    began_at = time.monotonic()
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.abandon(handle.id, **BY)

    ending = await handle.result(12)

    assert ending.status == "abandoned"
    assert time.monotonic() - began_at > 3.0, "the end of the call's timeout and the margin"


async def test_an_abandoned_saga_is_redriven_soon_however_old_it_is(world: World) -> None:
    """Only redrives end it; other sagas that have waited for long are redriven rarely."""
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def make() -> None:
        await gate.wait()

    definition = Definition("old")
    definition.step("service.make")
    sagas = await world.join(service, redrive=5)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    entry = await sagas.snapshot(handle.id)
    old = replace(entry, saga=uuid7(round((time.time() - 1_000) * 1_000), bytes(RANDOM_BYTES)))

    looks = [
        (await sagas.process.redriver.group_for(old, [event])).wake_seconds for event in (ev.Redriven(), ev.Abandoned())
    ]

    assert looks == [pytest.approx(1_000, abs=30), 5.0]
    gate.open()
    assert (await handle.result(10)).is_completed


async def test_after_the_pivot_a_step_whose_result_is_not_read_can_be_skipped(any_world: World) -> None:
    stall = Stall(returns=False)
    sagas = await any_world.join(stall.participant, margin=0.5)
    handle = await quarantined(any_world, stall, sagas)

    await until_quiet(sagas, handle)
    after = await sagas.operations.skip(handle.id, "deliver", **BY)

    assert after.state.vector == "SN"
    assert (await handle.result(10)).is_completed


async def test_a_step_whose_result_is_read_is_not_skipped(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant, margin=0.5)
    handle = await quarantined(any_world, stall, sagas)

    await until_quiet(sagas, handle)
    with pytest.raises(Conflict, match="its result is read by the saga for its return value"):
        await sagas.operations.skip(handle.id, "deliver", **BY)


async def test_a_step_of_which_a_call_may_still_arrive_is_not_skipped(any_world: World) -> None:
    stall = Stall(returns=False)
    sagas = await any_world.join(stall.participant, margin=60)
    handle = await quarantined(any_world, stall, sagas)

    with pytest.raises(Conflict, match="a call of it may still arrive"):
        await sagas.operations.skip(handle.id, "deliver", **BY)


async def test_a_dry_run_returns_the_saga_as_it_would_be_and_changes_nothing(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)

    wish = await sagas.operations.abandon(handle.id, **BY, dry_run=True)

    assert (wish.state.phase, wish.state.vector) == (Phase.ABANDONING, "SG")
    assert (await sagas.snapshot(handle.id)).state.vector == "Sd"


async def test_a_dry_run_of_what_would_change_nothing_is_refused_like_the_real_one(any_world: World) -> None:
    stall = Stall()
    sagas = await any_world.join(stall.participant)
    handle = await quarantined(any_world, stall, sagas)

    with pytest.raises(Conflict, match="has passed its pivot"):
        await sagas.operations.roll_back(handle.id, **BY, dry_run=True)


async def until_quiet(sagas: Any, handle: Any) -> None:
    """No call of the quarantined step can arrive any more."""

    async def is_quiet() -> bool:
        return not (await sagas.snapshot(handle.id)).unquiet

    await until(is_quiet, "no call may still arrive")
