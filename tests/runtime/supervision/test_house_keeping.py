"""House-keeping: by the leader, each work for itself, and the days of the history by every process where no leader is seen."""

from __future__ import annotations

import asyncio

from saga.errors import Unavailable
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.memory.election import LEASE_SECONDS, MemoryElection
from saga.ports.adapter import StoreOptions
from saga.ports.membership import Heartbeat
from saga.runtime.history_days import FIRST_SECONDS, PAUSE_SECONDS, HistoryDays
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.world import ended, until


class Recorded:
    """A retention that notes what it is asked for. Its history is out of reach."""

    def __init__(self) -> None:
        self.prepared = 0
        self.purged = 0

    async def purge(self, older_than_seconds: float, limit: int) -> int:  # noqa: ARG002
        self.purged += 1
        return 0

    async def prepare_history(self) -> None:
        self.prepared += 1
        raise Unavailable("the history is locked")

    async def keep_history(self, days: float) -> None:  # noqa: ARG002
        await self.prepare_history()


async def started(clock: HandClock, retention: Recorded | None = None) -> tuple[Process, Recorded, Database]:
    database, retention = Database(clock, epoch=0.0), retention or Recorded()
    adapter = MemoryAdapter(database, StoreOptions())
    adapter.retention = retention
    process = Process(adapter, clock)
    await process.start()
    return process, retention, database


async def test_sagas_are_purged_although_the_history_cannot_be_kept() -> None:
    clock = HandClock(1_000.0)
    process, retention, database = await started(clock)
    supervisor = Supervisor(process, MemoryElection(database, LEASE_SECONDS), clock, SupervisorOptions())
    supervision = asyncio.create_task(supervisor.run())

    await until(lambda: retention.prepared > 0 and retention.purged > 0, "both were tried")
    await clock.advance(SupervisorOptions().maintenance_seconds)
    await until(lambda: retention.prepared > 1 and retention.purged > 1, "both are tried again")

    await ended(supervision)
    await process.stop()


class Slow(Recorded):
    """A retention with endless work, of which each batch takes a second."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock = clock

    async def purge(self, older_than_seconds: float, limit: int) -> int:  # noqa: ARG002
        self.purged += 1
        await self.clock.sleep(1.0)
        return limit


async def test_a_purge_rests_between_batches_and_less_once_it_is_behind() -> None:
    clock = HandClock(1_000.0)
    process, retention, database = await started(clock, Slow(clock))
    supervisor = Supervisor(process, MemoryElection(database, LEASE_SECONDS), clock, SupervisorOptions())
    supervision = asyncio.create_task(supervisor.run())
    await until(lambda: retention.purged == 1, "it begins")

    async def batches(seconds: int) -> int:
        before = retention.purged
        for _ in range(seconds):
            await clock.advance(1.0)
        return retention.purged - before

    assert await batches(500) == 25
    await batches(110)
    assert await batches(500) == 250

    assert retention.prepared > 1  # the history does not wait for it
    await ended(supervision)
    await process.stop()


async def test_a_process_makes_the_days_of_the_history_unless_a_leader_is_seen() -> None:
    clock, retention = HandClock(1_000.0), Recorded()
    leaders = LeaderWatch(clock)
    keeping = asyncio.create_task(HistoryDays(retention, clock, leaders).run())

    await clock.advance(1.5 * FIRST_SECONDS)
    assert retention.prepared == 1
    await clock.advance(1.5 * PAUSE_SECONDS)
    made = retention.prepared
    assert made > 1  # a failure does not end it

    for _ in range(round(3 * PAUSE_SECONDS)):
        leaders.update(Heartbeat((), has_due=False, store_clock=0.0, leader_seen_ago_seconds=0.0, released=0))
        await clock.advance(1.0)
    assert retention.prepared == made

    await clock.advance(3 * PAUSE_SECONDS)  # the leader is gone
    assert retention.prepared > made
    await ended(keeping)


async def test_every_process_makes_the_days_of_the_history() -> None:
    clock = HandClock(1_000.0)
    process, retention, _ = await started(clock)

    await clock.advance(1.5 * FIRST_SECONDS)
    assert retention.prepared == 1
    await process.stop()
