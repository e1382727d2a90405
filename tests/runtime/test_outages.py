"""Deadlines and timeouts that passed while the store or every leader was away."""

from __future__ import annotations

import time
import uuid

from saga import Context, Definition, Participant, Pending
from tests.runtime.world import Gate, Sql, World, slow_saga, until

SILENT_LEADER = (
    "insert into leader (name, term, holder, seen_at) values ('supervisor', 1, 'gone', now() - interval '60 seconds')"
)
LED = "select holder from leader where name = 'supervisor'"


async def test_deadlines_that_passed_without_a_leader_are_extended(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition, undone = slow_saga(gate, "1s")
    sagas = await world.join(service, scan=0.1, outage_grace=5)
    await sql.execute(SILENT_LEADER)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    due = await sagas.snapshot(handle.id)
    await until(lambda: due.store_clock + time.monotonic() > (due.state.deadline or 0), "the deadline has passed")
    await world.supervise(sagas)
    extended = "select kind from event where saga = $1 and kind = 'deadline extended'"
    await until(lambda: sql.fetchval(extended, handle.id), "the deadline is extended")
    gate.open()
    ending = await handle.result(10)
    assert (ending.value, undone) == ("through", [])


async def test_timeouts_that_passed_without_a_leader_are_extended(world: World, sql: Sql) -> None:
    desk, tokens = Participant("desk"), list[str]()

    @desk.step(external=True, read_only=True)
    async def ask(ctx: Context) -> str:
        tokens.append(ctx.token)
        raise Pending("1s")

    definition = Definition("asking")
    said, heard = definition.step("desk.ask"), definition.wait("answer", str, timeout="1s")
    definition.returns({"said": said.output, "heard": heard.output})
    sagas = await world.join(desk, scan=0.1, outage_grace=5)
    await sql.execute(SILENT_LEADER)
    await until(lambda: sagas.process.heartbeat.leader_watch._leader_seen_at > float("-inf"), "the silence was noticed")
    handle = await sagas.start(definition)
    left = "select count(*) = 2 and bool_and(owner is null and due_at > until + interval '500 ms') from command"
    await until(lambda: sql.fetchval(left), "both timeouts have passed, and were looked at")
    await world.supervise(sagas)
    extended = "select bool_and(until > now() + interval '50 s') from command"
    await until(lambda: sql.fetchval(extended), "the timeouts are extended")
    await handle.send("answer", "yes")
    await sagas.complete(tokens[0], "asked")

    assert (await handle.result(10)).value == {"said": "asked", "heard": "yes"}
    assert len(tokens) == 1


async def test_a_leader_is_not_seen_before_it_has_extended_the_last_deadline(world: World, sql: Sql) -> None:
    """However many deadlines there are: while no leader is seen, no participant rolls anything back."""
    gate = Gate()
    service, definition, undone = slow_saga(gate, "1h")
    sagas = await world.join(service, scan=0.1, outage_grace=5)
    await sql.execute(SILENT_LEADER)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    world.is_forged = True
    await sql.execute("update saga set deadline = now() - interval '55 s', wake_at = now()")
    seen = "select seen_at > now() - interval '50 seconds' from leader where name = 'supervisor'"
    async with sql.transaction():
        await sql.execute("select from saga for update")  # the leader has to wait for it
        await world.supervise(sagas)
        stuck = "select count(*) > 0 from pg_locks where not granted and locktype = 'transactionid'"
        await until(lambda: sql.fetchval(stuck), "it extends the deadline")
        silent_seconds = await sagas.process.adapter.membership.lead(1, "it", silence_seconds_max=5)
        assert silent_seconds > 55
        assert not await sql.fetchval(seen.replace("now()", "clock_timestamp()"))

    await until(lambda: sql.fetchval(seen), "it is seen")
    left = "select extract(epoch from deadline - now())::float8 from saga"
    assert await sql.fetchval(left) > 50  # not five seconds: what has piled up has to be worked off too
    assert not await sql.fetchval("select count(*) from event where kind = 'redriven'")  # no second look at once
    gate.open()
    assert ((await handle.result(10)).value, undone) == ("through", [])


async def test_no_process_rolls_back_before_the_new_leader_has_extended_deadlines(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition, _ = slow_saga(gate, "1s")
    sagas = await world.join(service)
    await sql.execute(SILENT_LEADER)
    await until(lambda: sagas.process.heartbeat.leader_watch._leader_seen_at > float("-inf"), "the silence was noticed")
    await sql.execute("update leader set seen_at = now() + interval '1 hour'")  # a supervisor leads again
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    due = await sagas.snapshot(handle.id)
    await until(lambda: due.store_clock + time.monotonic() > (due.state.deadline or 0), "the deadline has passed")
    gate.open()
    assert (await handle.result(10)).is_completed


async def test_deadlines_that_passed_while_the_store_was_away_are_extended_although_the_leader_stayed(
    world: World, sql: Sql
) -> None:
    gate = Gate()
    service, definition, undone = slow_saga(gate, "2s")
    sagas = await world.join(service, scan=0.1, outage_grace=1, redrive=600, election=f"memory://{uuid.uuid4()}")
    supervisor = await world.supervise(sagas)
    await until(lambda: sql.fetchval(LED), "it is seen leading")
    term = supervisor.term
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    due = await sagas.snapshot(handle.id)
    async with sql.transaction():
        await sql.execute("select from leader for update")  # nobody can be seen leading
        late = (due.state.deadline or 0) + 0.2
        await until(lambda: due.store_clock + time.monotonic() > late, "the deadline has passed")

    extended = "select kind from event where saga = $1 and kind = 'deadline extended'"
    await until(lambda: sql.fetchval(extended, handle.id), "the deadline is extended")
    gate.open()
    ending = await handle.result(10)
    assert (ending.value, undone, supervisor.term) == ("through", [], term)


async def test_an_outage_ends_although_a_saga_has_a_broken_definition(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition, _ = slow_saga(gate, "1s")
    sagas = await world.join(service, scan=0.1, outage_grace=5)
    await sql.execute(SILENT_LEADER)
    broken, good = await sagas.start(definition), await sagas.start(definition)
    await sql.execute(
        "with copy as (insert into definition (name, version, hash, document, services)"
        " select 'from_later', 1, 'x', '{}', services from definition limit 1 returning id)"
        " update saga set definition = (select id from copy), wake_at = now() - interval '1 s' where id = $1",
        broken.id,
    )
    await until(lambda: sql.fetchval("select max(deadline) < now() from saga"), "the deadlines have passed")
    await world.supervise(sagas)
    extended = "select kind from event where saga = $1 and kind = 'deadline extended'"
    await until(lambda: sql.fetchval(extended, good.id), "the deadline is extended")
    await until(
        lambda: sql.fetchval("select seen_at > now() - interval '50 s' from leader where name = 'supervisor'"),
        "the outage is over",
    )
    gate.open()
    assert (await good.result(10)).is_completed
