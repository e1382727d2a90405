"""One process per second scans for expired leases, however many processes there are."""

from __future__ import annotations

import asyncio

import asyncpg

from saga.ports.adapter import StoreOptions
from saga.testing.suites.store.stage import StageProcess
from saga.testing.suites.timeout import TIMEOUT_SECONDS
from tests.stores import OnPostgres

LEASE_SECONDS = 0.1


class TestScans(OnPostgres):
    async def test_a_scan_of_one_process_spares_the_others_theirs(self) -> None:
        other = await self.lease_is_over()

        await self.execute("update participant set scanned_at = now() + interval '5 seconds' where id <> $1", other.id)
        assert (await other.heartbeat(full=True)).released == 0

        await self.execute("update participant set scanned_at = now() - interval '1 second'")
        assert (await other.heartbeat(full=True)).released == 1

    async def test_a_scan_before_the_clock_was_set_back_does_not_count(self) -> None:
        other = await self.lease_is_over()
        await self.execute("update participant set scanned_at = now() + interval '1 hour' where id <> $1", other.id)
        assert (await other.heartbeat(full=True)).released == 1

    async def test_a_scan_is_recorded(self) -> None:
        other = await self.lease_is_over()
        assert (await other.heartbeat(full=True)).released == 1
        assert await self.looked(other)

    async def test_a_heartbeat_without_a_scan_records_none(self) -> None:
        other = await self.lease_is_over()
        await other.heartbeat()
        assert not await self.looked(other)

    async def test_the_claims_of_the_dead_are_found_in_spite_of_a_recent_scan(self) -> None:
        process, other = await self.process(), await self.process()
        await self.started(process)
        await process.poll_one()
        await self.execute("update participant set scanned_at = now() + interval '5 seconds'")
        await self.kill(process.adapter)

        released = 0
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not released:
                released = (await other.heartbeat()).released
        assert released == 1

    async def lease_is_over(self) -> StageProcess:
        """Another process than the one that has let its lease run out."""
        process, other = await self.process(options=StoreOptions(lease_seconds=LEASE_SECONDS)), await self.process()
        await self.started(process)
        await process.poll_one()
        await self.advance(LEASE_SECONDS * 1.5)
        return other

    async def looked(self, process: StageProcess) -> bool:
        at = "select scanned_at > now() - interval '1 minute' as has_looked from participant where id = $1"
        (row,) = await self.execute(at, process.id)
        return bool(row["has_looked"])

    async def execute(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url, server_settings={"search_path": "saga"})
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()
