"""Long steps: they stay claimed, note their progress, and stop when they are no longer wanted."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from saga import App, Context, Definition, Handle, Participant, Reject, Retry, UsageError
from saga.ports.values.claim import Claim
from saga.runtime.claims.claim_heartbeat import PROGRESS_BYTES_MAX
from saga.runtime.claims.poller import UNSETTLED_MAX
from saga.runtime.commit.outcome_queue import OutcomeQueue
from tests.runtime.world import Gate, Sql, World, until

QUICK = Retry(attempts=5, first="10ms", cap="20ms")


async def test_the_next_attempt_gets_the_progress_of_the_last_one(any_world: World) -> None:
    service, seen = Participant("service"), list[Any]()

    @service.step(external=True)
    async def copy(ctx: Context) -> str:
        seen.append(ctx.last_progress)
        if len(seen) < 3:
            await ctx.heartbeat({"done": len(seen)})
            raise ConnectionError
        return "copied"

    definition = Definition("copying")
    definition.returns(definition.step("service.copy", retry=QUICK).output)
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).value == "copied"
    assert seen == [None, {"done": 1}, {"done": 2}]


async def test_progress_outlives_the_process_that_noted_it(world: World) -> None:
    service, gate, seen = Participant("service"), Gate(), list[Any]()

    @service.step(external=True)
    async def copy(ctx: Context) -> None:
        seen.append(ctx.last_progress)
        if not gate.reached:
            await ctx.heartbeat(["a", 1])
            await gate.wait()

    definition = Definition("copying")
    definition.step("service.copy")
    first = await world.join(service)
    handle = await first.start(definition)
    await gate.somebody_waits()
    await world.kill(first)
    second = await world.join(service)
    await second.handle(handle.id).result(10)
    assert seen == [None, ["a", 1]]


async def test_a_compensation_does_not_see_the_progress_of_its_step(any_world: World) -> None:
    service, seen = Participant("service"), list[Any]()

    @service.step(external=True)
    async def copy(ctx: Context) -> None:
        await ctx.heartbeat("half")

    @copy.compensation
    async def delete(value: Any, result: None, ctx: Context) -> None:
        seen.append(ctx.last_progress)

    @service.step(external=True)
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("copying")
    definition.step("service.refuse", after=definition.step("service.copy"))
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)
    assert seen == [None]


@pytest.mark.parametrize("mode", ["transactional", "external"])
async def test_a_heartbeat_stops_a_step_that_is_no_longer_wanted(world: World, sql: Sql, mode: str) -> None:
    service, gate = Participant("service", database=world.url), Gate()
    stopped: list[str] = []

    @service.step(external=mode == "external", read_only=True)
    async def toil(ctx: Context) -> None:
        try:
            await gate.wait()
            await ctx.heartbeat()
            stopped.append("never")
        except asyncio.CancelledError:
            stopped.append("stopped")
            raise

    @service.step(external=True)
    async def last() -> None: ...

    definition = Definition("toiling")
    definition.step("service.last", after=definition.step("service.toil"), pivot=True)
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.roll_back(handle.id, actor="someone", reason="never mind")
    gate.open()
    assert (await handle.result(10)).status == "compensated"
    await until(lambda: stopped, "the step has ended")
    assert stopped == ["stopped"]


async def test_a_heartbeat_stops_a_step_whose_claim_was_taken_over(world: World, sql: Sql) -> None:
    service, gates, ended = Participant("service"), [Gate(), Gate()], list[str]()

    @service.step(external=True)
    async def toil(ctx: Context) -> str:
        number = sum(gate.reached for gate in gates)
        await gates[number].wait()
        try:
            await ctx.heartbeat(number)
        except asyncio.CancelledError:
            ended.append(f"{number} stopped")
            raise
        ended.append(f"{number} done")
        return str(number)

    definition = Definition("toiling")
    definition.returns(definition.step("service.toil").output)
    first = await world.join(service)
    handle = await first.start(definition)
    await gates[0].somebody_waits()
    second = await world.join(service)
    await sql.execute(
        "update command set owner = $1, claim = 1, lease_until = now() + interval '1 minute'",
        second.process.number,
    )
    second.process.poll_requests.poll(everything=True)
    await gates[1].somebody_waits()
    gates[0].open()
    await until(lambda: ended, "the first was stopped")
    gates[1].open()
    assert (await handle.result(10)).value == "1"
    assert ended == ["0 stopped", "1 done"]


async def test_a_long_step_keeps_its_claim_without_any_heartbeat(world: World, sql: Sql) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def toil() -> str:
        await gate.wait()
        return "done"

    definition = Definition("toiling")
    definition.returns(definition.step("service.toil").output)
    sagas = await world.join(service, lease=2)
    peer = await world.join(service, lease=2)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    before = await sql.fetchval("select lease_until from command")
    await until(lambda: sql.fetchval("select now() > $1 from command", before), "the first lease is over")
    number, store = peer.process.number, peer.process.adapter.store
    assert await store.poll(["service"], 10, process=number, first_claim=number << 32, durable=True) == []
    assert (await sql.fetchval("select deliveries from command")) == 1
    gate.open()
    assert (await handle.result(10)).value == "done"
    assert gate.reached == 1


async def test_an_outcome_that_waits_to_be_committed_keeps_its_claim(world: World, sql: Sql) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def refuse() -> None:
        await gate.wait()
        raise Reject("no")

    definition = Definition("refused")
    definition.step("service.refuse", timeout="1s")
    sagas = await world.join(service, lease=2)
    await world.join(service, lease=2)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    before = await sql.fetchval("select lease_until from command")
    async with sql.transaction():
        await sql.execute("select from saga where id = $1 for update", handle.id)
        gate.open()
        await until(lambda: sql.fetchval("select clock_timestamp() > $1", before), "the first lease is over")
        after = "select lease_until > $1 and deliveries = 1 from command"
        await until(lambda: sql.fetchval(after, before), "it was prolonged")
    assert (await handle.result(10)).reason == "refuse: no"
    assert gate.reached == 1


async def two_at_work(world: World, gate: Gate, **settings: Any) -> tuple[App, list[Handle]]:
    """Two sagas in one process, whose steps wait for the gate."""
    service = Participant("service")

    @service.step(external=True)
    async def toil() -> None:
        await gate.wait()

    definition = Definition("toiling")
    definition.step("service.toil")
    sagas = await world.join(service, **settings)
    handles = [await sagas.start(definition) for _ in range(2)]
    await until(lambda: gate.reached == 2, "both are at work")
    return sagas, handles


async def test_renewing_many_leases_locks_none_while_waiting_for_another(world: World, sql: Sql) -> None:
    gate = Gate()
    sagas, handles = await two_at_work(world, gate)
    number, store = sagas.process.number, sagas.process.adapter.store
    claims = await store.fetch([], process=number)
    lock = "select from command where saga = $1 for no key update nowait"
    waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    for one, other in (handles, handles[::-1]):
        async with sql.transaction():
            await sql.execute(lock, one.id)
            task = asyncio.create_task(store.extend(claims, process=number))
            await until(lambda: sql.fetchval(waits), "it waits for the one")
            await sql.execute(lock, other.id)
        assert await task == set()
    gate.open()
    for handle in handles:
        assert (await handle.result(10)).is_completed


async def test_a_command_that_is_locked_for_long_keeps_no_other_lease_from_being_renewed(
    world: World, sql: Sql
) -> None:
    gate = Gate()
    sagas, handles = await two_at_work(world, gate, lease=6)
    claims = {claim.saga: claim for claim in sagas.process.intake.held()}
    locked, free = (claims[handle.id] for handle in handles)
    async with sql.transaction():
        await sql.execute("select from command where saga = $1 for no key update", locked.saga)
        before = locked.lease_ends, free.lease_ends
        await until(lambda: free.lease_ends > before[1], "the other lease is renewed")
        assert locked.lease_ends == before[0]
    gate.open()
    for handle in handles:
        assert (await handle.result(20)).is_completed


async def test_a_heartbeat_during_an_outage_of_the_store_does_not_stop_the_step(world: World, sql: Sql) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def toil(ctx: Context) -> str:
        await gate.wait()
        await ctx.heartbeat("alive")
        return "done"

    definition = Definition("toiling")
    definition.returns(definition.step("service.toil").output)
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sql.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    gate.open()
    assert (await handle.result(15)).value == "done"


async def test_nothing_is_polled_while_too_many_outcomes_wait_for_their_commit(world: World, sql: Sql) -> None:
    """Otherwise quick handlers claim a whole backlog, and hold it for longer than its outcomes take to commit."""
    service, gate = Participant("service"), Gate()
    gate.open()

    @service.step(external=True)
    async def work() -> None: ...

    definition = Definition("pulled")
    definition.step("service.work")
    sagas = await world.join(service)
    await sagas.register(definition)
    process, intake = sagas.process, sagas.process.intake
    poller, requests = process.poller, process.poll_requests
    async with poller._asking:  # a request that is under way has looked before
        outcomes, poller._outcomes = poller._outcomes, Backlog()
    intake._is_closing = True  # so that it goes to the queue
    handle = await sagas.start(definition)
    intake._is_closing = False
    queued = "select count(*) from command where owner is null and deliveries = 0"

    requests.poll()
    await poller._poll()

    assert await sql.fetchval(queued) == 1
    poller._outcomes = outcomes
    requests._wanted.clear()
    requests.room_freed()
    assert requests._wanted.is_set()
    assert (await handle.result(10)).is_completed


class Backlog(OutcomeQueue):
    """More outcomes wait for their commit than are allowed."""

    def unsettled(self) -> dict[int, Claim]:
        return cast("dict[int, Claim]", dict.fromkeys(range(UNSETTLED_MAX)))


async def test_progress_that_cannot_be_stored_fails_its_step_in_a_sentence(any_world: World) -> None:
    service, said = Participant("service"), list[str]()

    @service.step(external=True, read_only=True)
    async def work(ctx: Context) -> None:
        for progress in ("half \ud800", object(), "x" * PROGRESS_BYTES_MAX):
            with pytest.raises(UsageError) as caught:
                await ctx.heartbeat(progress)
            said.append(str(caught.value))
        await ctx.heartbeat({"nul \x00": 10**40})

    definition = Definition("noted")
    definition.step("service.work", retry=Retry(attempts=1))
    sagas = await any_world.join(service)
    assert (await (await sagas.start(definition)).result(10)).is_completed
    assert [text.partition("(")[0] for text in said[:2]] == [
        "ctx.heartbeat: the progress cannot be written as JSON "
    ] * 2
    assert said[2].startswith("ctx.heartbeat: the progress has 65,538 bytes, more than 65,536")
