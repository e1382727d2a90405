"""Processes that are killed, suspended, or stopped."""

from __future__ import annotations

import asyncio
import signal

import pytest

import saga
from saga.runtime.claims.isolation import ISOLATED_ATTEMPTS_MAX
from saga.settings import Settings
from tests.process.fleet import Fleet, calls_under_way, held_back
from tests.process.shop import doomed, hurried, parcel
from tests.runtime.world import Sql, until

CLAIMS = 8
TAKE_OVER_SECONDS = 1.0
HELD = "select count(*) from command where owner is not null"


def settings_of(fleet: Fleet) -> Settings:
    return Settings.model_validate({"store": fleet.store, "lease": 2, "redrive": 1})


async def test_a_peer_has_the_first_step_of_a_killed_process_done_within_a_second(
    fleet: Fleet, sql: Sql, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = await fleet.participant("post")
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects) as gate:
        handles = [await client.start(parcel, number) for number in range(CLAIMS)]
        await calls_under_way(fleet.effects, CLAIMS)
        await fleet.participant("post")
        owner = await sql.fetchval("select owner from command limit 1")
        seen = "select in_flight >= $2 from participant where id = $1"
        await until(lambda: sql.fetchval(seen, owner, CLAIMS), "its peer can see that it is busy")
        gate.set()
        killed_at = await sql.fetchval("select clock_timestamp()")
        victim.kill()
        endings = [await handle.result(20) for handle in handles]
        assert all(ending.is_completed for ending in endings)
    first_at = await sql.fetchval("select min(finished_at) from step where finished_at > $1", killed_at)
    seconds = (first_at - killed_at).total_seconds()
    with capsys.disabled():
        print(f"\nkill -9 with {CLAIMS} claims: a peer has the first of them done after {seconds:.3f} s")  # noqa: T201
    assert seconds < TAKE_OVER_SECONDS


async def test_a_process_that_was_suspended_beyond_its_lease_finds_its_work_done(fleet: Fleet, sql: Sql) -> None:
    frozen = await fleet.participant("post")
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects) as gate:
        handles = [await client.start(parcel, number) for number in range(CLAIMS)]
        await calls_under_way(fleet.effects, CLAIMS)
        frozen.send(signal.SIGSTOP)
        peer = await fleet.participant("post")
        gate.set()
        assert all([(await handle.result(20)).is_completed for handle in handles])
        frozen.send(signal.SIGCONT)
        peer.send(signal.SIGTERM)
        assert await peer.ended() == 0
        assert (await (await client.start(parcel, 100)).result(20)).value == 100
        assert frozen.is_running
    assert (await sql.fetchval("select count(*) from step")) == CLAIMS + 1


async def test_a_second_supervisor_leads_when_the_first_is_killed(fleet: Fleet, sql: Sql) -> None:
    await fleet.participant("post", "money")
    supervisors = {member.pid: member for member in [await fleet.supervisor(), await fleet.supervisor()]}
    seen = "select term, holder from leader where name = 'supervisor' and term > $1"
    await until(lambda: sql.fetchrow(seen, 0), "one leads")
    term, holder = await sql.fetchrow(seen, 0) or (0, "")
    supervisors[int(holder.rpartition(":")[2])].kill()
    waited = await until(lambda: sql.fetchrow(seen, term), "the other one leads", seconds=5)
    assert waited < 5
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects):
        ending = await (await client.start(hurried, 1)).result(20)
        assert ending.reason == "deadline passed"


async def test_a_step_that_kills_its_process_is_quarantined_and_its_neighbours_are_not(fleet: Fleet, sql: Sql) -> None:
    victim = await fleet.participant("post", "doom")
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects) as gate:
        innocent = [await client.start(parcel, number) for number in range(CLAIMS)]
        await calls_under_way(fleet.effects, CLAIMS)
        poison = await client.start(doomed, 1)
        assert await victim.ended() == 1
        gate.set()
        await sql.execute("update command set deliveries = 100")  # as if many more had died
        await sql.execute(
            "update command set isolated_attempts = $2 where saga = $1", poison.id, ISOLATED_ATTEMPTS_MAX - 1
        )  # of it alone, all but one
        victim = await fleet.participant("post", "doom")
        assert await victim.ended() == 1
        await fleet.participant("post", "doom")
        stuck = "select vector = 'd' from saga where id = $1"
        await until(lambda: sql.fetchval(stuck, poison.id), "the poison is quarantined")
        assert all([(await handle.result(20)).is_completed for handle in innocent])


async def test_a_process_that_is_stopped_gives_back_what_it_cannot_finish(fleet: Fleet, sql: Sql) -> None:
    first = await fleet.participant("post")
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects) as gate:
        handles = [await client.start(parcel, number) for number in range(CLAIMS)]
        await calls_under_way(fleet.effects, CLAIMS)
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
        assert (await sql.fetchval(HELD)) == 0
        assert (await sql.fetchval("select max(deliveries) from command")) == 1  # what had begun counts
        gate.set()
        await fleet.participant("post")
        assert all([(await handle.result(20)).is_completed for handle in handles])


async def test_a_process_that_is_stopped_finishes_what_it_can(fleet: Fleet) -> None:
    member = await fleet.participant("post")
    async with saga.connect(settings=settings_of(fleet)) as client, held_back(fleet.effects) as gate:
        handles = [await client.start(parcel, number) for number in range(CLAIMS)]
        await calls_under_way(fleet.effects, CLAIMS)
        member.send(signal.SIGTERM)
        gate.set()
        assert await member.ended() == 0
        async with asyncio.timeout(5):
            assert all([(await handle.result()).is_completed for handle in handles])
