"""The pool lends the session of the process's membership, grows when that is not enough, and shrinks again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga.errors import Unavailable
from saga.ports.adapter import StoreOptions
from saga.ports.membership import ProcessListener
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.sessions import Sharing
from tests.postgres.rows import Tables
from tests.runtime.world import until

PID = "select pg_backend_pid()"
PID_BEHIND_A_LOCK = "select pg_backend_pid() from pg_advisory_xact_lock(1)"
WAITERS = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
COUNT = "select count(*) from pg_stat_activity where application_name = 'member'"
END = "select pg_terminate_backend($1)"
SOON_SECONDS = 0.05


@pytest.fixture
async def member(postgres_url: str, tables: Tables) -> AsyncIterator[PostgresAdapter]:  # noqa: ARG001 (makes the tables)
    """A process that has joined, and closes at once what it does not need."""
    adapter = PostgresAdapter(postgres_url, StoreOptions(application="member", local_socket=False))
    adapter.pool._growth.idle_seconds = SOON_SECONDS
    await adapter.open()
    await adapter.membership.join("member", ["shop"], 1, ProcessListener(*[lambda *_: None] * 6))
    yield adapter
    await adapter.close()


async def pid(pool: Pool, query: str = PID) -> int:
    ((found,),) = await pool.fetch(query)
    return int(found)


def shared(member: PostgresAdapter) -> int:
    """The number of the backend of the membership's session."""
    assert member.membership._connection is not None
    return member.membership._connection.get_server_pid()


async def until_sessions(tables: Tables, count: int) -> None:
    async def is_so() -> bool:
        return bool(await tables.fetchval(COUNT) == count)

    await until(is_so, f"{count} sessions")


async def until_it_waits(tables: Tables, count: int = 1) -> None:
    async def is_so() -> bool:
        return bool(await tables.fetchval(WAITERS) == count)

    await until(is_so, f"{count} statements wait for a lock")


async def test_a_process_that_does_little_has_one_session(member: PostgresAdapter, tables: Tables) -> None:
    await until_sessions(tables, 1)
    for _ in range(20):
        assert await pid(member.pool) == shared(member)
        await member.membership.heartbeat(0, full=True)

    assert await tables.fetchval(COUNT) == 1


async def test_more_sessions_are_opened_while_statements_wait_and_closed_afterwards(
    member: PostgresAdapter, tables: Tables
) -> None:
    await until_sessions(tables, 1)
    await tables.execute("select pg_advisory_lock(1)")
    waiting = [asyncio.create_task(pid(member.pool, PID_BEHIND_A_LOCK)) for _ in range(3)]
    await until_it_waits(tables, 3)
    assert await tables.fetchval(COUNT) == 3

    await tables.execute("select pg_advisory_unlock(1)")
    pids = await asyncio.gather(*waiting)
    assert shared(member) in pids
    assert len(set(pids)) == 3
    await until_sessions(tables, 1)


async def test_a_pool_that_shares_no_session_keeps_one(pool: Pool, tables: Tables) -> None:
    pool._growth.idle_seconds = SOON_SECONDS
    gate = asyncio.Barrier(3)

    async def one() -> None:
        async with pool.connection():
            await gate.wait()

    await asyncio.gather(one(), one(), one())

    async def has_shrunk() -> bool:
        return bool(await tables.fetchval(COUNT.replace("member", "test")) == 1)

    await until(has_shrunk, "two of three are closed")
    last = await pid(pool)
    for _ in range(3):
        pool._sessions._shrink()
        pool._sessions._shrink()
        assert await pid(pool) == last


async def test_a_session_that_is_passed_on_to_who_waits_stays_in_the_pool(pool: Pool) -> None:
    first = await pid(pool)
    pool._growth.wait_seconds = 60.0
    for _ in range(3):
        assert set(await asyncio.gather(*(pid(pool) for _ in range(5)))) == {first}


async def test_a_statement_that_may_take_long_has_a_session_of_its_own(member: PostgresAdapter, tables: Tables) -> None:
    await until_sessions(tables, 1)
    ((found,),) = await member.pool.fetch_slowly(PID)
    assert found != shared(member)


async def test_a_slow_look_does_not_hold_up_heartbeats(member: PostgresAdapter, tables: Tables) -> None:
    await until_sessions(tables, 1)
    await tables.execute("select pg_advisory_lock(1)")
    looking = asyncio.create_task(member.pool.read(PID_BEHIND_A_LOCK))
    await until_it_waits(tables)
    async with asyncio.timeout(5):
        await member.membership.heartbeat(0, full=True)  # the look is cancelled here, and begins again elsewhere
    await until_it_waits(tables)
    await tables.execute("select pg_advisory_unlock(1)")

    ((found,),) = await looking
    assert found != shared(member)
    assert await pid(member.pool) in {found, shared(member)}


async def test_the_membership_comes_before_statements_that_have_waited_for_longer(
    member: PostgresAdapter, tables: Tables
) -> None:
    await until_sessions(tables, 1)
    sessions, order = member.pool._sessions, list[str]()
    lent = sessions.pop_idle(Sharing.ALWAYS)
    assert lent is not None

    async def statement() -> None:
        session = await sessions.take(Sharing.ALWAYS)
        order.append("statement" if session is lent else "elsewhere")
        sessions.give_back(session)

    async def heartbeat() -> None:
        await member.membership.heartbeat(0, full=True)
        order.append("heartbeat")

    member.pool._growth.failed(asyncio.get_running_loop().time())  # no other session is opened meanwhile
    tasks = [asyncio.create_task(statement()), asyncio.create_task(heartbeat())]
    await asyncio.sleep(0)
    sessions.give_back(lent)
    await asyncio.gather(*tasks)

    assert order == ["heartbeat", "statement"]


async def test_a_statement_that_is_cancelled_on_the_shared_session_is_cancelled_in_the_server(
    member: PostgresAdapter, tables: Tables
) -> None:
    await until_sessions(tables, 1)
    await tables.execute("select pg_advisory_lock(1)")
    waiting = asyncio.create_task(member.pool.fetch(PID_BEHIND_A_LOCK))
    await until_it_waits(tables)
    before = shared(member)
    waiting.cancel()
    await asyncio.wait([waiting])

    await member.membership.heartbeat(0, full=True)
    assert shared(member) == before
    assert await tables.fetchval(WAITERS) == 0


@pytest.mark.parametrize("is_handed_over", [False, True], ids=["before it gets one", "as it gets one"])
async def test_a_caller_that_is_cancelled_while_it_waits_keeps_no_session(
    postgres_url: str, *, is_handed_over: bool
) -> None:
    pool = Pool(postgres_url, "public", connections_max=1, application="test")
    async with pool.connection():
        waiting = asyncio.create_task(pool.fetch(PID))
        await asyncio.sleep(0)
        if not is_handed_over:
            waiting.cancel()
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    async with asyncio.timeout(5):
        await pool.fetch(PID)
    await pool.close()


@pytest.mark.parametrize("is_handed_over", [False, True], ids=["before its turn", "at its turn"])
async def test_a_heartbeat_that_is_cancelled_while_it_waits_gives_up_its_turn(
    member: PostgresAdapter, tables: Tables, *, is_handed_over: bool
) -> None:
    await until_sessions(tables, 1)
    lent = member.pool._sessions.pop_idle(Sharing.ALWAYS)
    assert lent is not None
    waiting = asyncio.create_task(member.membership.heartbeat(0, full=True))
    await asyncio.sleep(0)
    if is_handed_over:
        member.pool._sessions.give_back(lent)
        waiting.cancel()
    else:
        waiting.cancel()
        await asyncio.wait([waiting])
        member.pool._sessions.give_back(lent)
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    async with asyncio.timeout(5):
        assert await pid(member.pool) == shared(member)
        await member.membership.heartbeat(0, full=True)


async def test_a_lost_session_of_the_membership_is_lent_no_more(
    member: PostgresAdapter, tables: asyncpg.Connection[asyncpg.Record]
) -> None:
    await until_sessions(tables, 1)
    lost = shared(member)
    lent = member.pool._sessions.pop_idle(Sharing.ALWAYS)
    assert lent is not None
    waiting = asyncio.create_task(member.membership.heartbeat(0, full=True))
    await asyncio.sleep(0)
    await tables.fetchval(END, lost)
    await until(lent.is_closed, "the session has ended")
    assert await pid(member.pool) != lost  # the membership has to join again

    process = await member.membership.join("member", ["shop"], 1, ProcessListener(*[lambda *_: None] * 6))
    with pytest.raises(Unavailable, match="the session has ended"):
        await waiting
    member.pool._sessions.give_back(lent)
    assert shared(member) != lost
    assert (await member.membership.heartbeat(0, full=True)).peers[-1].id == process
    await until_sessions(tables, 1)
    assert await pid(member.pool) == shared(member)
