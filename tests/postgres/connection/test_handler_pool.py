"""A step does not meet what another one left on its connection, and no handler ends the transaction of its step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from saga.errors import AccessRefused, Unavailable, UsageError
from saga_postgres.connection.handler_pool import HandlerPool
from tests.runtime.world import until
from tests.services.proxy import Proxy

LEFT = {
    "a setting": "set statement_timeout = '77ms'",
    "a setting by function": "select set_config('search_path', 'nowhere', false)",
    "an isolation level": "set session characteristics as transaction isolation level serializable",
    "a role": "set role pg_monitor",
    "a user": "set session authorization pg_monitor",
    "a temporary table": "create temp table left_over (n int)",
    "a lock": "select pg_advisory_lock(42)",
    "a channel": "listen left_over",
    "a cursor": "declare left_over cursor with hold for select 1",
    "a statement": "prepare left_over as select 1",
}
SEEN = """
select concat_ws(' ', current_setting('statement_timeout'), current_setting('search_path'), current_setting('transaction_isolation'),
    current_user, session_user, to_regclass('pg_temp.left_over'), (select count(*) from pg_locks where locktype = 'advisory'),
    array(select pg_listening_channels()), (select count(*) from pg_cursors where name = 'left_over'),
    (select count(*) from pg_prepared_statements where from_sql))"""
ENDS = {
    "commit": "commit",
    "end": "end",
    "behind a comment": "/* so /* far */ */ commit",
    "behind another": "-- so far\ncommit",
    "and chain": "commit and chain",
    "among others": "select 1; commit; begin; select 2",
    "rollback": "rollback",
    "rollback and begin": "rollback; begin",
    "rollback and chain": "rollback and chain",
    "abort": "abort",
    "two phases": "prepare transaction 'left_over'",
    "a procedure": "call ends()",
    "a block": "do 'begin commit; end'",
}
HARMLESS = (
    "do $$ begin perform 1; end $$",
    "select 'start of day; end of day'",
    "select 'first;\ncommit to it'",
    "savepoint here; rollback to here; release here",
    "select 1 as commit",
    "-- commit\nselect 1",
)


@pytest.fixture
async def effects(postgres: asyncpg.Connection[asyncpg.Record]) -> asyncpg.Connection[asyncpg.Record]:
    await postgres.execute(
        "create table effect (n int); create procedure ends() language plpgsql as 'begin commit; end'"
    )
    return postgres


@pytest.fixture
async def handlers(postgres_url: str, effects: object) -> AsyncIterator[HandlerPool]:  # noqa: ARG001 (makes the table)
    pool = HandlerPool(postgres_url, connections_max=1, settings={})
    yield pool
    await pool.close()


async def count(effects: asyncpg.Connection[asyncpg.Record]) -> int:
    return int(await effects.fetchval("select count(*) from effect"))


@pytest.mark.parametrize("is_rejected", [False, True], ids=["succeeded", "rejected"])
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
async def test_the_next_step_does_not_meet(handlers: HandlerPool, left: str, *, is_rejected: bool) -> None:
    async with handlers.transaction() as connection:
        before = await connection.fetchval(SEEN)

    try:
        async with handlers.transaction() as connection:
            await connection.execute(left)
            assert await connection.fetchval("select 1") == 1
            if is_rejected:
                raise LookupError
    except LookupError:
        pass

    async with handlers.transaction() as connection:
        assert await connection.fetchval(SEEN) == before


@pytest.mark.parametrize("is_broken", [False, True], ids=["whole", "broken"])
async def test_a_session_is_used_again_and_keeps_what_the_driver_has_prepared(
    handlers: HandlerPool, *, is_broken: bool
) -> None:
    sessions = set()
    for _ in range(3):
        try:
            async with handlers.transaction() as connection:
                sessions.add(await connection.fetchval("select pg_backend_pid()"))
                if is_broken:
                    await connection.execute("select 1/0")
        except asyncpg.DivisionByZeroError:
            pass

    assert len(sessions) == 1


async def test_types_are_read_as_before_once_a_step_has_read_them_in_its_own_way(handlers: HandlerPool) -> None:
    async with handlers.transaction() as connection:
        first = await connection.fetchval("select pg_backend_pid()")
        await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        assert await connection.fetchval("select '{}'::json") == {}

    async with handlers.transaction() as connection:
        assert await connection.fetchval("select '{}'::json") == "{}"
        assert await connection.fetchval("select pg_backend_pid()") == first


async def _broken(handlers: HandlerPool) -> int:
    """A step that reads a type of its own in its own way, and goes on after a statement that failed. Returns its session."""
    async with handlers.transaction() as connection:
        session = int(await connection.fetchval("select pg_backend_pid()"))
        await connection.set_type_codec("mood", encoder=str, decoder=lambda _: "mine")
        assert await connection.fetchval("select 'calm'::mood") == "mine"
        with suppress(asyncpg.DivisionByZeroError):
            await connection.execute("select 1/0")
        with suppress(asyncpg.InFailedSQLTransactionError):
            await connection.fetch_own("insert into effect values (1)")
        raise LookupError(session)


async def test_types_are_read_as_before_after_a_step_whose_transaction_had_failed(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record]
) -> None:
    await effects.execute("create type mood as enum ('calm')")
    with pytest.raises(LookupError) as failure:
        await _broken(handlers)

    async with handlers.transaction() as connection:
        assert await connection.fetchval("select 'calm'::mood") == "calm"
        assert failure.value.args == (await connection.fetchval("select pg_backend_pid()"),)


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("select 1 as prepared_at, 'PREPARED' as state", True),
        ("PREPARE left_over as select 1", False),
        ("select 1;prepare/**/left_over as select 1", False),
    ],
)
async def test_a_session_is_dropped_for_the_word_prepare_alone(
    handlers: HandlerPool, text: str, *, is_kept: bool
) -> None:
    async with handlers.transaction() as connection:
        first = await connection.fetchval("select pg_backend_pid()")
        await connection.execute(text)

    async with handlers.transaction() as connection:
        assert (await connection.fetchval("select pg_backend_pid()") == first) is is_kept


async def test_a_step_that_is_cancelled_while_its_connection_opens_does_not_disturb_another(
    effects: asyncpg.Connection[asyncpg.Record], postgres_url: str
) -> None:
    with Proxy.before(postgres_url) as proxy:
        pool = HandlerPool(proxy.through(postgres_url), connections_max=2, settings={})
        proxy.hold()

        async def step() -> None:
            async with pool.transaction() as connection:
                await connection.execute("insert into effect values (1)")

        first, second = asyncio.create_task(step()), asyncio.create_task(step())
        await until(lambda: len(pool._sessions._opening) == 2, "both connect")
        first.cancel()
        await asyncio.wait([first])
        proxy.release()
        await second
        await pool.close()

    assert await count(effects) == 1


async def test_the_statements_of_the_framework_do_not_use_the_types_of_the_handler(handlers: HandlerPool) -> None:
    async with handlers.transaction() as connection:
        await connection.set_type_codec(
            "int4", schema="pg_catalog", encoder=str, decoder=lambda _: "mine", format="text"
        )
        assert await connection.fetchval("select 1") == "mine"
        assert [tuple(row) for row in await connection.fetch_own("select 1")] == [(1,)]


async def test_a_driver_object_that_a_handler_has_altered_is_not_used_again(handlers: HandlerPool) -> None:
    heard = list[object]()
    async with handlers.transaction() as connection:
        first = await connection.fetchval("select pg_backend_pid()")
        await connection.add_listener("news", lambda *said: heard.append(said))

    async with handlers.transaction() as connection:
        assert await connection.fetchval("select pg_backend_pid()") != first
        await connection.execute("select pg_notify('news', '')")

    assert heard == []


async def _ending(handlers: HandlerPool, end: str, *, prepared: bool, is_swallowed: bool) -> None:
    """A step that writes, says how it wants to end, and goes on."""
    async with handlers.transaction() as connection:
        await connection.execute("insert into effect values (1)")
        try:
            await (await connection.prepare(end)).fetch() if prepared else await connection.execute(end)
        except asyncpg.PostgresError:
            if not is_swallowed:
                raise
        await connection.fetch_own("insert into effect values (2)")


@pytest.mark.parametrize("is_swallowed", [False, True], ids=["raised", "swallowed"])
@pytest.mark.parametrize(
    ("end", "prepared"),
    [*((end, False) for end in ENDS.values()), *((end, True) for end in ENDS.values() if "; " not in end)],
)
async def test_a_handler_cannot_end_its_transaction(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record], end: str, *, prepared: bool, is_swallowed: bool
) -> None:
    with pytest.raises((UsageError, asyncpg.PostgresError), match="transaction"):
        await _ending(handlers, end, prepared=prepared, is_swallowed=is_swallowed)

    assert await count(effects) == 0
    async with handlers.transaction() as connection:
        await connection.execute("insert into effect values (3)")
    assert await count(effects) == 1


@pytest.mark.parametrize("text", HARMLESS)
async def test_a_text_that_only_looks_like_an_end_is_let_through(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record], text: str
) -> None:
    async with handlers.transaction() as connection:
        await connection.execute("insert into effect values (1)")
        await connection.execute(text)

    assert await count(effects) == 1


async def test_a_handler_has_savepoints_of_its_own(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with handlers.transaction() as connection:
        savepoint = connection.transaction()
        await savepoint.start()
        await connection.execute("insert into effect values (1)")
        await savepoint.rollback()
        async with connection.transaction():
            await connection.execute("insert into effect values (2)")

    assert await effects.fetchval("select array_agg(n) from effect") == [2]


async def _raising(handlers: HandlerPool, text: str, error: Exception) -> None:
    """A step that says this and raises that."""
    async with handlers.transaction() as connection:
        await connection.execute(text)
        raise error


async def test_what_a_handler_raises_after_it_ended_its_transaction_is_the_cause_of_the_error(
    handlers: HandlerPool,
) -> None:
    said = LookupError("out of stock")
    with pytest.raises(UsageError, match="must not say COMMIT or ROLLBACK") as failure:
        await _raising(handlers, "rollback; begin", said)

    assert failure.value.__cause__ is said


async def test_a_handler_that_kept_its_connection_cannot_use_it_later(handlers: HandlerPool) -> None:
    async with handlers.transaction() as kept:
        pass

    async with handlers.transaction():
        with pytest.raises(UsageError, match="the step has ended"):
            await kept.execute("select 1")


async def test_what_a_handler_has_made_with_its_connection_ends_with_its_step(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with handlers.transaction() as connection:
        kept = await connection.prepare("insert into effect values (1) returning n")
        cursor, transaction = connection.cursor("select 1"), connection.transaction()

    async with handlers.transaction():
        for late in (kept.fetchval, lambda: cursor, transaction.start):
            with pytest.raises(asyncpg.InterfaceError, match="released back"):
                await late()
    assert await count(effects) == 0


async def _in_role(handlers: HandlerPool, text: str) -> None:
    """A step that takes another role, and is recorded."""
    async with handlers.transaction() as connection:
        await connection.execute(text)
        await connection.fetch_own("insert into effect values (1)")


async def test_a_role_that_may_not_record_the_step_is_refused_in_words(handlers: HandlerPool) -> None:
    with pytest.raises(AccessRefused, match="says RESET ROLE"):
        await _in_role(handlers, "set local role pg_monitor")

    await _in_role(handlers, "set local role pg_monitor; reset role")


async def _dying(handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record], error: Exception) -> None:
    """A step whose session ends, and that then raises this."""
    async with handlers.transaction() as connection:
        await effects.execute("select pg_terminate_backend($1)", await connection.fetchval("select pg_backend_pid()"))
        await until(connection.is_closed, "the session has ended")
        raise error


async def test_a_session_that_died_under_its_handler_keeps_the_words_of_the_handler(
    handlers: HandlerPool, effects: asyncpg.Connection[asyncpg.Record]
) -> None:
    said = LookupError("out of stock")
    with pytest.raises(LookupError) as failure:
        await _dying(handlers, effects, said)

    assert failure.value is said


async def test_no_session_is_kept_once_one_was_ended_by_the_server(
    postgres_url: str, effects: asyncpg.Connection[asyncpg.Record]
) -> None:
    pool = HandlerPool(postgres_url, connections_max=3, settings={"application_name": "handlers"})
    gate = asyncio.Barrier(3)

    async def one() -> None:
        async with pool.transaction():
            await gate.wait()

    await asyncio.gather(*[one() for _ in range(3)])
    with pytest.raises(LookupError):
        await _dying(pool, effects, LookupError("gone"))

    await until(lambda: _are_gone(effects), "the others are dropped too")
    await pool.close()


async def _are_gone(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    sessions = "select count(*) from pg_stat_activity where application_name = 'handlers'"
    return bool(await connection.fetchval(sessions) == 0)


async def _vanishing(pool: HandlerPool, proxy: Proxy) -> None:
    """A step whose server answers no more, and whose time is over."""
    async with pool.transaction() as connection:
        proxy.hold()
        async with asyncio.timeout(0.05):
            await connection.execute("select 1")


async def test_a_server_that_vanished_holds_up_a_rollback_for_a_moment_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saga_postgres.connection.handler_pool.ROLL_BACK_SECONDS", 0.05)
    with Proxy.before(postgres_url) as proxy:
        pool = HandlerPool(proxy.through(postgres_url), connections_max=1, settings={})
        with pytest.raises(TimeoutError):
            await _vanishing(pool, proxy)
        proxy.heal()
        async with pool.transaction() as connection:  # its place is free again
            assert await connection.fetchval("select 1") == 1
        await pool.close()


async def test_a_pool_that_was_closed_stays_closed(handlers: HandlerPool) -> None:
    await handlers.close()

    with pytest.raises(UsageError, match="is closed"):
        async with handlers.transaction():
            pass


async def test_a_server_that_is_not_there_is_unavailable(postgres_url: str) -> None:
    with Proxy.before(postgres_url) as proxy:
        proxy.refuse()
        pool = HandlerPool(proxy.through(postgres_url), connections_max=1, settings={})
        with pytest.raises(Unavailable):
            async with pool.transaction():
                pass
