"""A server that takes no more writes, or ends sessions, is left at once: no pool keeps an idle session to it, no session answers on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from saga.errors import LeadershipLost, Unavailable
from saga.ports.adapter import StoreOptions
from saga.ports.bus import Message
from saga.ports.membership import ProcessListener
from saga_postgres import open_bus, open_election
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.connection.handler_pool import HandlerPool
from saga_postgres.connection.pool import Pool
from saga_postgres.embedded.server import NOT_DURABLE, EmbeddedPostgres
from tests.migrated import migrate_database
from tests.runtime.world import until
from tests.services import postgres as services

SESSIONS = 3
COUNT = "select count(*) from pg_stat_activity where application_name = $1"
END_ONE = """
select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and state = 'idle' order by state_change desc limit 1"""


class Primary:
    """A server that can be demoted: it stays up, and refuses writes."""

    def __init__(self, url: str, sql: asyncpg.Connection[asyncpg.Record]) -> None:
        self.url = url
        self.sql = sql

    async def demote(self) -> None:
        await self._set("on")

    async def promote(self) -> None:
        await self._set("off")

    async def _set(self, value: str) -> None:
        await self.sql.execute(f"alter system set default_transaction_read_only = {value}")
        await self.sql.execute("select pg_reload_conf()")
        await until(lambda: self._is(value), "the setting applies to new sessions")

    async def _is(self, value: str) -> bool:
        connection = await asyncpg.connect(self.url)
        try:
            return bool(await connection.fetchval("show default_transaction_read_only") == value)
        finally:
            await connection.close()

    async def sessions(self, application: str) -> int:
        return int(await self.sql.fetchval(COUNT, application))

    async def is_left(self, application: str) -> None:
        async def is_gone() -> bool:
            return await self.sessions(application) == 0

        await until(is_gone, f"no session of {application} is left")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with EmbeddedPostgres(settings=NOT_DURABLE) as running:
        yield running.url


@pytest.fixture
async def primary(server: str) -> AsyncIterator[Primary]:
    async with services.database(server) as url:
        await migrate_database(url)
        sql = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
        primary = Primary(url, sql)
        yield primary
        await primary.promote()
        await sql.close()


async def filled(pool: Pool) -> None:
    """Opens sessions, and leaves them idle."""
    gate = asyncio.Barrier(SESSIONS)

    async def one() -> None:
        async with pool.connection():
            await gate.wait()

    await asyncio.gather(*[one() for _ in range(SESSIONS)])


@pytest.fixture
async def pool(primary: Primary) -> AsyncIterator[Pool]:
    pool = Pool(primary.url, "saga", connections_max=SESSIONS, application="pool")
    await filled(pool)
    yield pool
    await pool.close()


async def reading(pool: Pool) -> None:
    await pool.fetch("select 1")


async def writing(pool: Pool) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        await pool.fetch("update leader set term = 0")


async def writing_in_a_block(pool: Pool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("update leader set term = 0")


@pytest.mark.parametrize("use", [reading, writing, writing_in_a_block], ids=lambda use: use.__name__.replace("_", " "))
async def test_one_answer_of_a_demoted_primary_ends_all_idle_sessions(
    primary: Primary, pool: Pool, use: Callable[[Pool], Awaitable[None]]
) -> None:
    assert await primary.sessions("pool") == SESSIONS
    await primary.demote()

    await use(pool)

    await primary.is_left("pool")
    await primary.promote()
    await pool.fetch("update leader set term = 0")


async def is_alone(primary: Primary) -> bool:
    return await primary.sessions("pool") == 1


async def test_a_session_that_is_in_use_meanwhile_is_dropped_when_it_is_given_back(
    primary: Primary, pool: Pool
) -> None:
    async with pool.connection():
        await primary.demote()
        await pool.fetch("select 1")
        await until(lambda: is_alone(primary), "the server has ended the other session")

    await primary.is_left("pool")


async def test_a_session_that_the_server_has_ended_takes_the_others_with_it(primary: Primary, pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await pool.fetch("select pg_terminate_backend(pg_backend_pid())")

    await primary.is_left("pool")


async def test_a_statement_that_is_cancelled_or_refused_ends_no_other_session(primary: Primary, pool: Pool) -> None:
    for refused in ("select pg_cancel_backend(pg_backend_pid())", "select 1/0", "select * from nothing"):
        with pytest.raises(Exception, match=r"canceling|division|nothing"):
            await pool.fetch(refused)

    assert await primary.sessions("pool") == SESSIONS


async def test_handlers_leave_a_demoted_primary(primary: Primary) -> None:
    pool = HandlerPool(primary.url, connections_max=SESSIONS, settings={"application_name": "handlers"})
    gate = asyncio.Barrier(SESSIONS)

    async def one() -> None:
        async with pool.transaction():
            await gate.wait()

    await asyncio.gather(*[one() for _ in range(SESSIONS)])
    await primary.demote()

    async with pool.transaction() as connection:
        assert await connection.fetchval("select 1") == 1

    await primary.is_left("handlers")
    await pool.close()


async def test_a_heartbeat_that_may_not_write_ends_its_session_and_those_of_the_pool(primary: Primary) -> None:
    adapter = PostgresAdapter(primary.url, StoreOptions(application="process", local_socket=False))
    await adapter.open()
    nothing = ProcessListener(*[lambda *_: None] * 6)
    await adapter.membership.join("process", ["shop"], 1, nothing)
    await primary.demote()

    with pytest.raises(Unavailable, match="read-only"):
        await adapter.membership.heartbeat(0, full=True)

    await primary.is_left("process")
    await adapter.close()


async def test_a_leader_that_may_not_write_ends_its_session(primary: Primary) -> None:
    election = open_election(primary.url, "saga")
    leadership = await election.campaign("one")
    await primary.demote()

    with pytest.raises(LeadershipLost, match="its session has ended"):
        await election.renew(leadership)

    await primary.is_left("saga election supervisor")
    await election.close()


async def test_a_subscription_joins_again_at_the_new_primary(primary: Primary) -> None:
    bus = open_bus(primary.url, "saga")
    await bus.ensure(["news"], "readers")
    async with bus.subscribe(["news"], "readers", limit=1) as subscription:
        receiving = asyncio.ensure_future(anext(aiter(subscription)))
        await until(lambda: primary.sql.fetchval("select count(*) from saga.bus_member"), "it has joined")
        before = await primary.sql.fetchval("select max(id) from saga.bus_member")
        await primary.demote()
        await primary.sql.execute("select pg_notify('saga_saga_bus', '')")
        await primary.is_left("saga bus")
        await primary.promote()
        await bus.publish([Message("news", b"1", b"1")])
        async with asyncio.timeout(15):
            assert [delivery.message.body for delivery in await receiving] == [b"1"]
        assert await primary.sql.fetchval("select max(id) from saga.bus_member") > before
    await bus.close()
