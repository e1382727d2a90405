"""Postgres goes away under load: acknowledged starts exist, everything ends, and every process recovers by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import saga
from saga import App, Unavailable
from saga.settings import Settings
from saga_postgres.embedded.server import EmbeddedPostgres
from tests.migrated import migrate_database
from tests.process.fleet import Fleet, audit, connected, prepare
from tests.process.shop import shop
from tests.runtime.world import ended, until

AT_ONCE = 20
END_SECONDS = 60.0
LEFT_OPEN = """
    select s.id, s.version, s.phase, s.vector, s.wake_at - now() as wake, c.step, c.op, c.owner, c.due_at - now() as due,
           c.lease_until - now() as lease, c.quiet_at - now() as quiet, c.deliveries, c.failures, c.error
    from saga s left join command c on c.saga = s.id where s.ended_at is null limit 20"""
ALL_ENDED = "select not exists (select from saga where ended_at is null)"


class Load:
    """Starts orders while it runs, at most AT_ONCE at a time, and remembers which were acknowledged."""

    def __init__(self, client: App) -> None:
        self._client = client
        self.acknowledged: list[str] = []
        self._numbers = iter(range(1, 1_000_000))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(self._start_orders())

    async def _start_orders(self) -> None:
        for number in self._numbers:
            key = f"order {number}"
            handle = await self._started(number, key)
            self.acknowledged.append(key)
            await handle.result()

    async def _started(self, number: int, key: str) -> saga.Handle:
        while True:
            try:
                return await self._client.start(shop, number, key=key)
            except Unavailable:  # unknown: the same key finds out
                continue

    async def more(self, count: int) -> None:
        """Returns when that many more have been acknowledged."""
        wanted = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= wanted, f"{count} more starts", seconds=END_SECONDS)


@asynccontextmanager
async def loaded(fleet: Fleet) -> AsyncIterator[Load]:
    """A fleet of one process a service, a supervisor, and a client that starts orders until the block ends."""
    members = [await fleet.participant(service) for service in ("books", "stock", "money")]
    members.append(await fleet.supervisor())
    chosen = Settings.model_validate({"store": fleet.store, "lease": 2, "redrive": 1})
    async with saga.connect(settings=chosen) as client:
        load = Load(client)
        running = asyncio.create_task(load.run())
        try:
            await load.more(40)
            yield load
            assert not running.done(), running
        finally:
            await ended(running)
        assert all(member.is_running for member in members)


async def everything_ended(fleet: Fleet, load: Load) -> dict[str, int]:
    """Asserts that the acknowledged orders are in the table, and no others, and that their ends agree with the effects."""
    async with connected(fleet.store, search_path="saga") as sql:
        try:
            await until(lambda: sql.fetchval(ALL_ENDED), "all sagas ended", seconds=END_SECONDS)
        except AssertionError as error:
            error.add_note("\n".join(map(str, await sql.fetch(LEFT_OPEN))))
            raise
        keys = {row["key"] for row in await sql.fetch("select key from start_key")}
        assert await sql.fetchval("select count(*) from saga") == len(keys)
        assert await sql.fetchval("select count(*) from command") == 0
    # who was cancelled while it asked for a start may have started it all the same
    assert set(load.acknowledged) <= keys
    assert len(keys) - len(set(load.acknowledged)) <= AT_ONCE
    return await audit(fleet.store, fleet.effects)


async def stop_and_start(server: EmbeddedPostgres, thread: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(thread, server.crash)
    await loop.run_in_executor(thread, server.start)


async def outages(tmp_path: Path, effects: str, stops: int, between: int) -> tuple[dict[str, int], int]:
    """Stops Postgres that many times in immediate mode, with that many starts in between."""
    with ThreadPoolExecutor(max_workers=1) as thread, EmbeddedPostgres(settings={"max_connections": "100"}) as server:
        await migrate_database(server.url)
        await prepare(server.url, effects)
        async with Fleet(
            tmp_path, server.url, effects, lease="2", redrive="1", margin="0.5", outage_grace="60"
        ) as fleet:
            async with loaded(fleet) as load:
                for _ in range(stops):
                    await stop_and_start(server, thread)
                    await load.more(between)
            return await everything_ended(fleet, load), len(load.acknowledged)


def tell(capsys: pytest.CaptureFixture[str], what: str, endings: dict[str, int], started: int, began_at: float) -> None:
    with capsys.disabled():
        print(f"\n{what}: {started} starts acknowledged, {endings}, {time.monotonic() - began_at:.1f} s")  # noqa: T201


@pytest.mark.timeout(180)
async def test_postgres_is_stopped_four_times_under_load_and_nothing_is_lost(
    tmp_path: Path, effects_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began_at = time.monotonic()
    endings, started = await outages(tmp_path, effects_url, 4, 60)
    assert set(endings) == {"D", "Z"}
    tell(capsys, "4 stops", endings, started, began_at)


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_postgres_is_stopped_ten_times_under_load_and_nothing_is_lost(
    tmp_path: Path, effects_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began_at = time.monotonic()
    endings, started = await outages(tmp_path, effects_url, 10, 200)
    assert set(endings) == {"D", "Z"}
    tell(capsys, "10 stops", endings, started, began_at)


@pytest.mark.timeout(120)
async def test_backends_are_terminated_under_load_and_nothing_is_lost(fleet: Fleet) -> None:
    victims = (
        "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() order by random() limit 3) as victims"
    )
    async with loaded(fleet) as load, connected(fleet.store) as axe:
        for _ in range(15):
            assert await axe.fetchval(victims) > 0
            await load.more(10)
    assert set(await everything_ended(fleet, load)) == {"D", "Z"}


@pytest.mark.timeout(120)
async def test_a_bus_that_loses_messages_delays_sagas_and_loses_none(
    tmp_path: Path, store_url: str, effects_url: str, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    bus = await fresh_database()
    await migrate_database(bus)
    await prepare(store_url, effects_url)
    async with Fleet(tmp_path, store_url, effects_url, redrive="1", margin="0.5", bus=bus) as fleet:
        async with loaded(fleet) as load, connected(bus, search_path="saga") as thief:
            stolen = 0
            while stolen < 20:
                stolen += len(await thief.fetch("delete from bus_message returning id"))
                await load.more(1)
        assert set(await everything_ended(fleet, load)) == {"D", "Z"}
