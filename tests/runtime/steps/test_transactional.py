"""Transactional steps: an effect exists exactly where the saga's row says so, even if a process is late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from saga import Context, Definition, Participant, Reject
from tests.runtime.world import By, Gate, Sql, World, until

BY: By = {"actor": "ann", "reason": "never mind"}
DO = "insert into public.effect values ($1, $2)"
EFFECTS = "select coalesce(array_agg(what order by what), '{}') from public.effect"


@pytest.fixture
async def effects(sql: Sql) -> Sql:
    """A table for the effects of the steps, in the store's database."""
    await sql.execute("create table public.effect (saga uuid, what text)")
    return sql


async def test_a_step_that_ends_after_its_saga_was_rolled_back_leaves_nothing(world: World, effects: Sql) -> None:
    service, gate = Participant("service", database=world.url), Gate()

    @service.step
    async def act(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "late")
        await gate.wait()

    definition = Definition("late")
    definition.step("service.act")
    sagas = await world.join(service)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sagas.operations.roll_back(handle.id, **BY)
    assert (await handle.result(10)).status == "compensated"
    gate.open()
    await until(lambda: sagas.process.intake.in_flight == 0, "the late step has ended")
    assert await effects.fetchval(EFFECTS) == []


async def test_a_compensation_that_runs_twice_at_once_counts_once(world: World, effects: Sql) -> None:
    service, gates = Participant("service", database=world.url), [Gate(), Gate()]

    @service.step
    async def act(ctx: Context) -> str:
        return "acted"

    @act.compensation
    async def undo(value: Any, acted: str, ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "undone")
        await gates[sum(gate.reached for gate in gates)].wait()

    @service.step
    async def refuse() -> None:
        raise Reject("no")

    definition = Definition("twice")
    definition.step("service.refuse", after=definition.step("service.act"))
    first = await world.join(service)
    handle = await first.start(definition)
    await gates[0].somebody_waits()
    second = await world.join(service)
    await effects.execute("select give_back(array[$1]::uuid[], array[0]::smallint[], 0)", handle.id)
    second.process.poll_requests.poll()
    await gates[1].somebody_waits()
    gates[1].open()
    assert (await handle.result(10)).status == "compensated"
    gates[0].open()
    await until(lambda: first.process.intake.in_flight == 0, "the slower one has ended")
    assert await effects.fetchval(EFFECTS) == ["undone"]


async def test_branches_that_end_at_one_moment_in_two_processes_join_once(world: World, effects: Sql) -> None:
    left, right, after = (Participant(name, database=world.url) for name in ("left", "right", "after"))

    @left.step(read_only=True)
    async def go(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "left")

    @right.step(name="go", read_only=True)
    async def go_too(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "right")

    @after.step
    async def join(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "join")

    definition = Definition("racing")
    branches = [definition.step("left.go", name="one"), definition.step("right.go", name="other")]
    definition.step("after.join", after=branches)
    client, *_ = [await world.join(participant) for participant in (after, left, right)]
    handles = await asyncio.gather(*[client.start(definition) for _ in range(60)])
    for handle in handles:
        assert (await handle.result(15)).is_completed
    counts = await effects.fetch("select count(*), count(distinct saga) from public.effect group by what")
    assert [tuple(row) for row in counts] == [(60, 60)] * 3


async def test_a_rejection_leaves_nothing_of_its_step(world: World, effects: Sql) -> None:
    service = Participant("service", database=world.url)

    @service.step
    async def act(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "undone by the rejection")
        raise Reject("no")

    definition = Definition("rejecting")
    definition.step("service.act")
    sagas = await world.join(service)
    assert (await (await sagas.start(definition)).result(10)).reason == "act: no"
    assert await effects.fetchval(EFFECTS) == []


async def test_a_slow_handler_does_not_hold_up_the_commits_of_others(world: World, effects: Sql) -> None:
    slow, quick, gate = Participant("slow", database=world.url), Participant("quick", database=world.url), Gate()

    @slow.step
    async def crawl(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "slow")
        await gate.wait()

    @quick.step
    async def run(ctx: Context) -> None:
        await ctx.sql.execute(DO, ctx.saga_id, "quick")

    crawling, running = Definition("crawling"), Definition("running")
    crawling.step("slow.crawl", timeout="60s")
    running.step("quick.run")
    sagas = await world.join(slow, quick, handler_connections=4)
    late = [await sagas.start(crawling) for _ in range(3)]
    await until(lambda: gate.reached == 3, "three handlers hold a transaction each")
    for _ in range(10):
        assert (await (await sagas.start(running)).result(10)).is_completed
    gate.open()
    for handle in late:
        assert (await handle.result(10)).is_completed
