"""Answers to probes: of a healthy process, without a store, with a hung event loop, and without one of its loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from saga.errors import Unavailable
from saga.ports.clock import SystemClock
from saga.ports.election import Leadership
from saga.runtime.supervisor import Supervisor, SupervisorOptions
from saga.telemetry.health import Health
from saga.telemetry.metrics import Metrics
from saga.telemetry.pulse import Pulse
from tests.runtime.world import Sql, World, ended, until
from tests.telemetry.scrape import probe


async def test_a_healthy_process_is_live_and_ready(any_world: World) -> None:
    sagas = await any_world.join(http="0")
    supervisor = await any_world.supervise(sagas)
    async with sagas.endpoint(supervisor) as address:
        live, ready = await probe(address, "/livez"), await probe(address, "/readyz")

    assert live == (200, {"ok": True, "event_loop": "turns", "process": "runs", "handlers": "run"})
    number = sagas.process.number
    assert ready == (
        200,
        {
            "ok": True, "store": "answers", "schema": "is right", "process": f"joined as {number}",
            "supervisor": f"leads, term {supervisor.term}",
        },
    )  # fmt: skip


async def test_a_supervisor_that_stands_by_is_ready(any_world: World) -> None:
    first, second = await any_world.join(), await any_world.join(http="0")
    await any_world.supervise(first)
    waiting = second.supervisor()
    task = asyncio.create_task(waiting.run())
    async with second.endpoint(waiting) as address:
        status, findings = await probe(address, "/readyz")
    await ended(task)

    assert (status, findings["supervisor"]) == (200, "stands by")


async def test_a_process_without_its_session_is_live_but_not_ready(world: World) -> None:
    sagas = await world.join(http="0")
    async with sagas.endpoint() as address:
        await sagas.process.adapter.close()
        await until(lambda: not sagas.process.is_joined, "it has lost its session")
        status, findings = await probe(address, "/readyz")
        assert (await probe(address, "/livez"))[0] == 200

    assert (status, findings["ok"], findings["process"]) == (503, False, "is not joined")


async def test_a_store_that_takes_no_writes_makes_it_not_ready(world: World, sql: Sql) -> None:
    name = await sql.fetchval("select current_database()")
    sagas = await world.join(http="0")
    async with sagas.endpoint() as address:
        await sql.execute(f'alter database "{name}" set default_transaction_read_only = on')
        await sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await until(answers(address, "/readyz", 503), "it is not ready")
        await until(
            lambda: sagas.process.store_trouble and "read-only" in sagas.process.store_trouble, "it is told why"
        )
        status, findings = await probe(address, "/readyz")
        assert (await probe(address, "/livez"))[0] == 200
        await sql.execute(f'alter database "{name}" reset default_transaction_read_only')
        await until(answers(address, "/readyz", 200), "it is ready again")

    assert (status, findings["ok"]) == (503, False)
    assert "read-only transaction" in findings["store"]


async def test_a_store_migrated_by_a_later_release_makes_it_not_ready(world: World, sql: Sql) -> None:
    sagas = await world.join(http="0")
    await sql.execute(
        "insert into saga.schema_migration (version, name, sha256, runs_from) values (9999, 'later', '', 9999)"
    )
    async with sagas.endpoint() as address:
        status, findings = await probe(address, "/readyz")
        await sql.execute("delete from saga.schema_migration where version = 9999")
        again, _ = await probe(address, "/readyz")

    assert (status, findings["store"]) == (503, "answers")
    assert "9999" in findings["schema"]
    assert again == 200


async def test_a_process_without_one_of_its_loops_is_not_live(any_world: World) -> None:
    sagas = await any_world.join(http="0")
    async with sagas.endpoint() as address:
        loop, *_ = sagas.process.background._tasks
        await ended(loop)
        status, findings = await probe(address, "/livez")

    assert (status, findings["process"]) == (503, "a loop of it has ended")


async def test_a_process_whose_event_loop_hangs_is_not_live(any_world: World) -> None:
    sagas = await any_world.join()
    clock = StoppedClock()
    pulse = Pulse(clock, Metrics())
    health = Health(sagas.process, pulse, None)

    clock.now += 4.9
    assert health.liveness().is_good
    clock.now += 0.2
    assert health.liveness().findings["event_loop"] == "stood still for 5.1 s"
    assert not health.liveness().is_good


async def test_a_supervisor_that_cannot_campaign_is_not_ready(any_world: World) -> None:
    sagas = await any_world.join(http="0")
    supervisor = Supervisor(sagas.process, NobodyElects(), SystemClock(), SupervisorOptions())
    task = asyncio.create_task(supervisor.run())
    async with sagas.endpoint(supervisor) as address:
        await until(answers(address, "/readyz", 503), "it is not ready")
        _, findings = await probe(address, "/readyz")
    await ended(task)

    assert findings["supervisor"] == "cannot campaign: etcd is away"


def answers(address: tuple[str, int] | None, path: str, wanted: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return (await probe(address, path))[0] == wanted

    return is_so


class StoppedClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def processor_seconds(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002
        await asyncio.sleep(0)


class NobodyElects:
    """An election whose service is unreachable."""

    async def campaign(self, candidate: str) -> Leadership:  # noqa: ARG002
        await asyncio.sleep(0)
        raise Unavailable("etcd is away")

    async def renew(self, leadership: Leadership) -> Leadership:
        return leadership

    async def resign(self, leadership: Leadership) -> None: ...

    async def close(self) -> None: ...
