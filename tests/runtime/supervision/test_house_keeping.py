"""House-keeping: by the leader, each work for itself, and the days of the history by every process where no leader is seen."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from saga.core.state.phase import Phase
from saga.errors import SagaError, ServerFailed, Unavailable
from saga.memory.adapter import MemoryAdapter
from saga.memory.data.database import Database
from saga.memory.election import LEASE_SECONDS, MemoryElection
from saga.memory.journal import MemoryJournal, ServiceDatabase
from saga.ports.adapter import StoreOptions
from saga.ports.journal import JournalRow, Mark
from saga.ports.membership import Heartbeat
from saga.ports.values.notification import SagaStatus
from saga.runtime import journal_retention
from saga.runtime.history_days import FIRST_SECONDS, PAUSE_SECONDS, HistoryDays
from saga.runtime.journal_retention import JournalRetention, JournalRetentionOptions
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.runtime.timing.store_clock import StoreClock
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.world import ended, until


class Recorded:
    """A retention that notes what it is asked for. Its history is out of reach."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.prepared = 0
        self.purged = 0

    async def purge(self, older_than_seconds: float, limit: int) -> int:  # noqa: ARG002
        self.purged += 1
        return 0

    async def prepare_history(self) -> None:
        self.prepared += 1
        raise self.error.with_traceback(None)  # else each raise would add its frames to those before

    async def keep_history(self, days: float) -> None:  # noqa: ARG002
        await self.prepare_history()


AWAY = Unavailable("the history is locked")


async def started(clock: HandClock, retention: Recorded) -> tuple[Process, Recorded, Database]:
    database = Database(clock, epoch=0.0)
    adapter = MemoryAdapter(database, StoreOptions())
    adapter.retention = retention
    process = Process(adapter, clock)
    await process.start()
    return process, retention, database


@pytest.mark.parametrize("error", [AWAY, KeyError("a bug")], ids=["away", "bug"])
async def test_sagas_are_purged_although_the_history_cannot_be_kept(error: Exception) -> None:
    clock = HandClock(1_000.0)
    process, retention, database = await started(clock, Recorded(error))
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
        super().__init__(AWAY)
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
    clock, retention = HandClock(1_000.0), Recorded(AWAY)
    leaders = LeaderWatch(clock)
    keeping = asyncio.create_task(HistoryDays(retention, clock, leaders).run())

    await clock.advance(1.5 * FIRST_SECONDS)
    assert retention.prepared == 1
    await clock.advance(1.5 * PAUSE_SECONDS)
    made = retention.prepared
    assert made > 1  # a failure does not end it

    for _ in range(round(3 * PAUSE_SECONDS)):
        leaders.update(
            Heartbeat((), has_due=False, store_clock=0.0, leader_seen_ago_seconds=0.0, released=0), clock.monotonic()
        )
        await clock.advance(1.0)
    assert retention.prepared == made

    await clock.advance(3 * PAUSE_SECONDS)  # the leader is gone
    assert retention.prepared > made
    await ended(keeping)


class Statuses:
    """A ledger in which every saga has ended, and which cannot say so of one."""

    def __init__(self, saga: UUID, error: SagaError) -> None:
        self.saga = saga
        self.error = error

    async def statuses(self, sagas: list[UUID]) -> dict[UUID, SagaStatus]:
        if self.saga in sagas:
            raise self.error
        return {saga: SagaStatus(1, Phase.COMPLETED, None, None, {}) for saga in sagas}


@pytest.mark.parametrize("error", [ServerFailed("a broken page"), Unavailable("the store is away")])
async def test_a_journal_is_purged_behind_sagas_that_the_store_cannot_read_unless_it_is_away(
    monkeypatch: pytest.MonkeyPatch, error: SagaError
) -> None:
    monkeypatch.setattr(journal_retention, "BATCH_SAGAS_MAX", 1)
    sagas, service = [UUID(int=number) for number in (1, 2, 3)], ServiceDatabase()
    for saga in sagas:
        service.journal[saga, 0] = JournalRow(Mark.EXECUTED, b"1", None)
    ledger: Any = Statuses(sagas[1], error)
    clock = StoreClock(HandClock(1_000.0))
    keeper = JournalRetention(MemoryJournal(service), ledger, clock, JournalRetentionOptions(0.0, 0.0))

    if type(error) is Unavailable:
        with pytest.raises(Unavailable):
            await keeper.purge()
        assert [saga for saga, _ in service.journal] == sagas[1:]
    else:
        assert await keeper.purge() == 2
        assert [saga for saga, _ in service.journal] == [sagas[1]]


async def test_every_process_makes_the_days_of_the_history() -> None:
    clock = HandClock(1_000.0)
    process, retention, _ = await started(clock, Recorded(AWAY))

    await clock.advance(1.5 * FIRST_SECONDS)
    assert retention.prepared == 1
    await process.stop()
