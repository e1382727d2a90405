"""Deadlines, supervisors that come and go, and sagas that need a redrive."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from saga import Context, Definition, Participant
from saga.errors import AccessRefused
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.memory.election import LEASE_SECONDS, MemoryElection
from saga.ports.adapter import StoreOptions
from saga.ports.election import Leadership
from saga.runtime import redrive
from saga.runtime import supervisor as supervisor_module
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.world import Gate, Sql, World, ended, slow_saga, until

LED = "select holder from leader where name = 'supervisor'"


class Deaf(MemoryElection):
    """An election whose renewals get no answer."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        super().__init__(database, lease_seconds)
        self.is_asked = False
        self.resigned: list[int] = []

    async def renew(self, leadership: Leadership) -> Leadership:
        self.is_asked = True
        await asyncio.Event().wait()
        return leadership

    async def resign(self, leadership: Leadership) -> None:
        self.resigned.append(leadership.term)
        await super().resign(leadership)


class Refusing(MemoryElection):
    """An election that refuses access for a while, as one does whose password is being changed."""

    is_refusing: bool = False

    async def campaign(self, candidate: str) -> Leadership:
        self._check()
        return await super().campaign(candidate)

    async def renew(self, leadership: Leadership) -> Leadership:
        self._check()
        return await super().renew(leadership)

    async def resign(self, leadership: Leadership) -> None:
        self._check()
        await super().resign(leadership)

    def _check(self) -> None:
        if self.is_refusing:
            raise AccessRefused("the election answers but refuses")


async def test_a_supervisor_outlives_that_access_is_refused_for_a_while() -> None:
    clock = HandClock(1_000.0)
    database = Database(clock, epoch=0.0)
    process = Process(MemoryAdapter(database, StoreOptions()), clock)
    await process.start()
    election = Refusing(database, LEASE_SECONDS)
    supervisor = Supervisor(process, election, clock, SupervisorOptions())
    supervision = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.term == 1, "it leads")

    election.is_refusing = True
    await clock.advance(LEASE_SECONDS * 2)
    await until(lambda: "refuses" in (supervisor.trouble or ""), "it campaigns, and says what stops it")
    assert not supervision.done()

    election.is_refusing = False
    await clock.advance(supervisor_module.CAMPAIGN_RETRY_SECONDS + LEASE_SECONDS)
    await until(lambda: supervisor.term is not None, "it leads again")
    await ended(supervision)
    await process.stop()


async def test_healthy_sagas_end_with_no_supervisor_alive(any_world: World) -> None:
    gate = Gate()
    gate.open()
    service, definition, _ = slow_saga(gate, None)
    sagas = await any_world.join(service)
    handles = [await sagas.start(definition) for _ in range(50)]
    assert all([(await handle.result(10)).is_completed for handle in handles])


async def test_a_deadline_rolls_a_saga_back_whose_participant_hangs(any_world: World) -> None:
    gate = Gate()
    service, definition, undone = slow_saga(gate, "1s")
    sagas = await any_world.join(service, scan=0.1)
    await any_world.supervise(sagas)
    ending = await (await sagas.start(definition)).result(10)
    assert (ending.status, ending.reason, undone) == ("compensated", "deadline passed", ["first"])
    gate.open()


async def test_a_deadline_is_kept_although_the_saga_was_redriven_shortly_before(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition, _ = slow_saga(gate, "2s")
    sagas = await world.join(service, scan=0.1)
    await world.supervise(sagas)
    began_at = time.monotonic()
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    await sql.execute("update saga set wake_at = now() where id = $1", handle.id)
    assert (await handle.result(10)).status == "compensated"
    assert time.monotonic() - began_at < 6  # and not after the next look, in 30 s
    gate.open()


async def test_a_deadline_after_the_pivot_changes_nothing(world: World) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def pay() -> None: ...

    @service.step(external=True)
    async def ship() -> str:
        await gate.wait()
        return "shipped"

    definition = Definition("late", deadline="1s")
    paid = definition.step("service.pay", pivot=True)
    definition.returns(definition.step("service.ship", after=paid).output)
    sagas = await world.join(service, scan=0.1)
    await world.supervise(sagas)
    handle = await sagas.start(definition)
    await gate.somebody_waits()
    due = await sagas.snapshot(handle.id)
    await until(lambda: due.store_clock + time.monotonic() > (due.state.deadline or 0) + 0.3, "the deadline has passed")
    gate.open()
    assert (await handle.result(10)).value == "shipped"


async def test_the_leader_is_recorded_in_the_store_for_every_election(world: World, sql: Sql) -> None:
    sagas = await world.join(scan=0.1, election=f"memory://{uuid.uuid4()}")
    supervision = asyncio.create_task(sagas.supervisor().run())
    await until(lambda: sql.fetchval(LED), "it is seen leading")
    assert await sql.fetchval(LED) == sagas.process.name

    await ended(supervision)

    assert await sql.fetchval(LED) is None


async def test_a_leader_whose_renewals_get_no_answer_ends_its_term_in_time() -> None:
    clock = HandClock(1_000.0)
    database = Database(clock, epoch=0.0)
    process = Process(MemoryAdapter(database, StoreOptions()), clock)
    await process.start()
    election = Deaf(database, LEASE_SECONDS)
    supervisor = Supervisor(process, election, clock, SupervisorOptions())
    supervision = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.term == 1, "it leads")

    await clock.advance(LEASE_SECONDS)

    assert election.is_asked
    await until(lambda: election.resigned == [1], "it has stopped")
    await ended(supervision)
    await process.stop()


async def test_a_second_supervisor_takes_over_when_the_first_ends(any_world: World) -> None:
    one, other = await any_world.join(scan=0.1), await any_world.join(scan=0.1)
    first, second = one.supervisor(), other.supervisor()
    leading = asyncio.create_task(first.run())
    await until(lambda: first.term is not None, "the first leads")
    waiting = asyncio.create_task(second.run())
    term = first.term
    await ended(leading)
    await until(lambda: second.term is not None, "the second leads")
    assert isinstance(second, Supervisor)
    assert (second.term or 0) > (term or 0)
    await ended(waiting)


async def test_a_saga_whose_command_was_lost_is_redriven(world: World, sql: Sql) -> None:
    gate = Gate()
    gate.open()
    service, definition, _ = slow_saga(gate, None)
    client = await world.join()
    worker = await world.join(service)
    await client.register(definition)
    await worker.process.poller.drain(0)
    handle = await client.start(definition)
    await sql.execute("delete from command where saga = $1", handle.id)
    await sql.execute("update saga set wake_at = now() where id = $1", handle.id)
    await world.join(service, redrive=1)
    assert (await handle.result(10)).is_completed


async def test_the_supervisor_redrives_sagas_whose_services_are_all_gone(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition, _ = slow_saga(gate, "1s")
    worker = await world.join(service)
    client = await world.join(scan=0.1)
    await client.register(definition)
    handle = await client.start(definition)
    await gate.somebody_waits()
    await world.kill(worker)
    await world.supervise(client)
    await until(lambda: sql.fetchval("select phase = 'C' from saga where id = $1", handle.id), "it is rolled back")
    gate.open()


async def test_a_purge_deletes_finished_sagas_that_are_old_enough(world: World, sql: Sql) -> None:
    gate = Gate()
    gate.open()
    service, definition, _ = slow_saga(gate, None)
    sagas = await world.join(service, retention=0.2)
    handle = await sagas.start(definition, key="k")
    await handle.result(10)
    await until(lambda: sql.fetchval("select ended_at < now() - interval '0.3 s' from saga"), "it has ended long ago")
    await world.supervise(sagas)
    left = (
        "select (select count(*) from saga) + (select count(*) from step) + (select count(*) from command)"
        " + (select count(*) from start_key) + (select count(*) from event) = 0"
    )
    await until(lambda: sql.fetchval(left), "nothing is left of it")


async def test_full_batches_follow_each_other_without_waiting_for_the_next_scan(
    world: World, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (redrive, supervisor_module):
        monkeypatch.setattr(module, "OVERDUE_MAX", 2)
    gate = Gate()
    service, definition, _ = slow_saga(gate, None)
    sagas = await world.join(service, scan=600, redrive=600)
    for _ in range(10):
        await sagas.start(definition)
    await sql.execute("update saga set wake_at = now()")

    await world.supervise(sagas)

    await until(lambda: sql.fetchval("select count(*) = 0 from saga where wake_at <= now()"), "all are redriven")
    gate.open()


async def test_a_broken_definition_does_not_stop_the_redrive_of_other_sagas(world: World, sql: Sql) -> None:
    gate = Gate()
    gate.open()
    service, definition, _ = slow_saga(gate, None)
    client = await world.join()
    worker = await world.join(service)
    await client.register(definition)
    await worker.process.poller.drain(0)
    broken, good = await client.start(definition), await client.start(definition)
    await sql.execute(
        "with copy as (insert into definition (name, version, hash, document, services)"
        " select 'from_later', 1, 'x', '{}', services from definition limit 1 returning id)"
        " update saga set definition = (select id from copy), wake_at = now() - interval '1 s' where id = $1",
        broken.id,
    )
    await sql.execute("delete from command")
    await sql.execute("update saga set wake_at = now() where id = $1", good.id)
    await world.join(service, redrive=1)
    assert (await good.result(10)).is_completed


async def test_a_handler_sees_the_deadline_of_its_saga(any_world: World) -> None:
    service, seen = Participant("service"), list[float | None]()

    @service.step(external=True)
    async def look(ctx: Context) -> None:
        seen.append(ctx.deadline)

    definition = Definition("hurried", deadline="1h")
    definition.step("service.look")
    sagas = await any_world.join(service)
    await (await sagas.start(definition)).result(10)
    assert seen[0] is not None
    assert abs(seen[0] - time.time() - 3600) < 60


async def test_a_redrive_that_changes_nothing_leaves_a_line_of_history(any_world: World) -> None:
    service, gate = Participant("service"), Gate()

    @service.step(external=True)
    async def work() -> None:
        await gate.wait()

    definition = Definition("looked_after")
    definition.step("service.work")
    sagas = await any_world.join(service, redrive=1)
    await any_world.supervise(sagas)
    handle = await sagas.start(definition)

    async def kinds() -> list[str]:
        return [moment.kind for moment in (await sagas.process.listing.detail(handle.id)).history]

    async def is_looked_after() -> bool:
        return "redriven" in await kinds()

    await until(is_looked_after, "the supervisor redrives it")
    gate.open()
    assert (await handle.result(10)).is_completed


@pytest.mark.parametrize("over", ["store", "a bus"])
async def test_a_saga_that_waits_past_its_deadline_is_redriven_at_the_pace_of_redrive(
    any_world: World, over: str
) -> None:
    """Its pivot was claimed, and the process that had claimed it is gone: the rollback waits for the outcome."""
    gate = Gate()
    pay, definition = Participant("pay"), Definition("waiting", deadline="1s")

    @pay.step(external=True)
    async def charge() -> None:
        await gate.wait()

    definition.step("pay.charge", pivot=True)
    bus = {} if over == "store" else {"bus": f"memory://late_{any_world.url[:4]}"}
    client, serving = await any_world.join(scan=0.05, **bus), await any_world.join(pay, **bus)
    await any_world.supervise(client)
    handle = await client.start(definition)
    await gate.somebody_waits()
    await any_world.kill(serving)

    async def kinds() -> list[str]:
        return [line.kind for line in (await client.detail(handle.id)).history]

    async def is_awaited() -> bool:
        return "rollback waits" in await kinds()

    await until(is_awaited, "the deadline has passed, and the rollback waits")
    detail = await client.detail(handle.id)

    assert detail.wake_at is not None
    assert detail.wake_at - detail.now > 20.0  # redrive is 30 seconds
    assert (await kinds()).count("redriven") <= 1
