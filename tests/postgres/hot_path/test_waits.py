"""Events and parked commands between two sessions: what one of them does while the other's transaction is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace

from saga.ports.inbox import Receipt
from saga.ports.values.start import Start
from saga.ports.values.write import Drop, Parking, Write
from saga.testing.suites.store.stage import StageProcess, graph, moved, queued, unmoved
from saga.testing.suites.store.waits.stage import LATER_SECONDS, REVIEW, WaitStage, consumed, parked, wait
from tests.stores import OnPostgres

PARKING = [Parking(0, LATER_SECONDS, ["review"])]
SCANS = """
select indexrelname, idx_scan from pg_stat_user_indexes where schemaname = 'saga' and indexrelname in ('command_due', 'inbox_unwoken')
order by indexrelname
"""


class TestTwoSessions(OnPostgres, WaitStage):
    """Each case has an open transaction of somebody else."""

    @pytest.fixture
    async def sql(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(self.url, server_settings={"search_path": "saga"})
        yield connection
        await connection.close()

    async def sent_while_open(self, process: StageProcess, start: Start, write: Write) -> None:
        """An event is sent, and its sender wakes the saga, while the transaction of a write is open that has looked into the inbox."""
        inbox = process.adapter.inbox
        async with process.adapter.transaction() as connection:
            assert await process.commit(write, connection=connection) == []
            await self.send(process, start)
        assert await process.poll() == []
        assert await inbox.wake_overlooked() == 1
        assert [claim.saga for claim in await process.poll()] == [start.saga]
        assert await inbox.wake_overlooked() == 0

    async def test_event_is_not_missed_by_a_command_that_is_being_parked(self) -> None:
        process = await self.process()
        start = await self.started(process, definition=graph(wait(), name="waiting"))
        await self.sent_while_open(process, start, parked(await process.poll_one(), "review"))

    @pytest.mark.parametrize("is_moved", [True, False])
    async def test_event_is_not_missed_by_a_command_that_is_dispatched_and_parked(self, *, is_moved: bool) -> None:
        process = await self.process()
        start = replace(await self.ready(process, definition=graph(wait(), name="waiting")), dispatches=[])
        assert await process.start(start) == []
        write = moved(start, "D") if is_moved else unmoved(start)
        dispatches = [queued(after_seconds=LATER_SECONDS)]
        await self.sent_while_open(process, start, replace(write, dispatches=dispatches, parkings=PARKING))

    async def test_a_moment_counts_from_the_commit_of_a_transaction_that_has_been_open_for_long(
        self, sql: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        """Such is the transaction in which a transactional step runs, and its successor is dispatched."""
        process = await self.process()
        await self.started(process, definition=graph(wait(), name="waiting"))
        claim = await process.poll_one()
        async with process.adapter.transaction() as connection:
            while not await connection.fetchval("select clock_timestamp() > now() + interval '20 ms'"):
                pass
            committed_at = await sql.fetchval("select clock_timestamp()")
            assert await process.commit(parked(claim, "review", seconds=LATER_SECONDS), connection=connection) == []
        assert await sql.fetchval("select until >= $1::timestamptz + interval '1 hour' from command", committed_at)

    async def test_event_is_not_missed_while_its_row_is_locked(self, sql: asyncpg.Connection[asyncpg.Record]) -> None:
        process = await self.process()
        start = await self.waiting(process)
        async with sql.transaction():
            assert await process.adapter.inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
            await sql.execute("select from inbox for no key update")
            await process.adapter.inbox.wake([start.saga])
        assert await process.poll() == []
        assert await process.adapter.inbox.wake_overlooked() == 1
        assert len(await process.poll()) == 1

    async def test_a_saga_whose_row_is_locked_keeps_no_other_of_its_group_waiting(
        self, sql: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        process = await self.process()
        inbox, starts = process.adapter.inbox, [await self.waiting(process) for _ in range(3)]
        sagas = [start.saga for start in starts]
        assert await inbox.send([(saga, REVIEW) for saga in sagas]) == [Receipt.KEPT] * 3
        async with sql.transaction():
            await sql.execute("select from saga where id = $1 for key share", sagas[0])
            await sql.execute("select from command where saga = $1 for update", sagas[1])
            await inbox.wake(sagas)
            assert [claim.saga for claim in await process.poll()] == sagas[2:]
        assert await inbox.wake_overlooked() == 2
        assert {claim.saga for claim in await process.poll()} == set(sagas[:2])

    async def test_waking_and_parking_pass_no_other_commands_and_events(
        self, sql: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        """A session that made its plans while the tables were empty keeps them when a million commands are parked."""
        process = await self.process()
        start = await self.waiting(process)
        assert await process.adapter.inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
        before = await sql.fetch(SCANS)
        await sql.execute("select wake_sagas(array[$1::uuid], '')", start.saga)
        await sql.execute(
            "select park(array[$1::uuid], array[0::smallint], array[null::bigint], '{60}', '{\"{review}\"}', '{t}', '')",
            start.saga,
        )
        await sql.execute("select pg_stat_force_next_flush()")
        assert await sql.fetch(SCANS) == before

    async def test_consumer_waits_for_another_one(self) -> None:
        """It gets the event if the other transaction is rolled back, and else nothing."""
        process = await self.process()
        start = await self.started(process, "DD")
        await self.send(process, start)
        write = replace(consumed(start, REVIEW), drops=[Drop(0, None), Drop(1, None)])
        async with self.rolled_back(process) as connection:
            assert await process.commit(write, connection=connection) == []
            second = asyncio.create_task(process.commit(write))
            await self.until_blocked()
        assert await second == []
        async with process.adapter.transaction() as connection:
            other = await self.started(process)
            await self.send(process, other)
            assert await process.commit(consumed(other, REVIEW), connection=connection) == []
            second = asyncio.create_task(process.commit(consumed(other, REVIEW)))
            await self.until_blocked()
        assert [conflict.is_event_gone for conflict in await second] == [True]

    async def until_blocked(self) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            async with asyncio.timeout(10):
                while not await connection.fetchval("select exists (select from pg_locks where not granted)"):
                    pass
        finally:
            await connection.close()

    async def test_event_that_was_sent_while_its_saga_was_purged_goes_too(
        self, sql: asyncpg.Connection[asyncpg.Record]
    ) -> None:
        process = await self.process()
        start = await self.started(process)
        assert await process.adapter.inbox.send([(start.saga, REVIEW)]) == [Receipt.KEPT]
        await sql.execute("delete from saga")
        assert await process.adapter.inbox.wake_overlooked() == 1
        assert await sql.fetchval("select count(*) from inbox") == 0
