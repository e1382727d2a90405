"""Sagas go on with the connections that there are, on a server or a role that gives no more; nothing asks for more again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from saga import Context, Definition, Participant
from saga.errors import Unavailable
from saga_postgres.connection import sessions
from saga_postgres.connection.pool import Pool
from saga_postgres.embedded.server import NOT_DURABLE, EmbeddedPostgres
from tests.migrated import migrate_database
from tests.runtime.world import World, until
from tests.services import postgres as services

SETTINGS = {**NOT_DURABLE, "max_connections": "20", "log_connections": "on"}
SAGAS = 40
ROLE = "scarce"
PID = "select pg_backend_pid()"
OURS = "select count(*) from pg_stat_activity where usename = $1 and application_name <> 'hog'"
END_OURS = "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and application_name <> 'hog'"


class Scarce:
    """The database of an ordinary role, on a server with 20 connections. `sql` is an administrator's connection."""

    def __init__(self, server: EmbeddedPostgres, url: str, sql: asyncpg.Connection[asyncpg.Record]) -> None:
        self.sql = sql
        parts = urllib.parse.urlsplit(url)
        self.url = parts._replace(netloc=f"{ROLE}:scarce@{parts.hostname}:{parts.port}").geturl()
        self._server = server
        self._hogs: list[asyncpg.Connection[asyncpg.Record]] = []

    def attempts(self) -> int:
        """Returns the number of connections that the server was asked for."""
        return (self._server.folder / "log").read_text().count("connection received")

    async def exhaust(self) -> None:
        """Takes all connections that are free."""
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                self._hogs.append(await asyncpg.connect(self.url, server_settings={"application_name": "hog"}))

    async def limit(self, connections: int) -> None:
        """The role gets no more than these; -1: as many as the server has."""
        await self.sql.execute(f"alter role {ROLE} connection limit {connections}")

    async def free(self) -> None:
        for hog in self._hogs:
            await hog.close()
        self._hogs.clear()

    async def ours(self) -> int:
        return int(await self.sql.fetchval(OURS, ROLE))


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(settings=SETTINGS) as running:
        yield running


@pytest.fixture
async def scarce(server: EmbeddedPostgres) -> AsyncIterator[Scarce]:
    await services.administer(server.url, f"create role {ROLE} login password 'scarce'")
    async with services.database(server.url) as url:
        await services.administer(url, f'alter database "{urllib.parse.urlsplit(url).path[1:]}" owner to {ROLE}')
        sql = await asyncpg.connect(url)
        scarce = Scarce(server, url, sql)
        await migrate_database(scarce.url)
        yield scarce
        await scarce.free()
        await sql.close()
    await services.administer(server.url, f"drop role {ROLE}")


def shop(url: str) -> tuple[Participant, Definition, Definition]:
    """A service, a saga that needs no connection for its handlers, and one that does."""
    service = Participant("shop", database=url)

    @service.step(external=True, read_only=True)
    async def look() -> None:
        """Finds nothing."""

    @service.step(external=True)
    async def send() -> str:
        return "sent"

    @service.step
    async def book(ctx: Context) -> int:
        return int(await ctx.sql.fetchval("select 1"))

    sending, booking = Definition("sending"), Definition("booking")
    sending.returns(sending.step("shop.send", after=sending.step("shop.look")).output)
    booking.returns(booking.step("shop.book").output)
    return service, sending, booking


async def test_a_full_server(scarce: Scarce) -> None:
    service, sending, booking = shop(scarce.url)
    async with World(scarce.url) as world:
        sagas, _ = await world.join(service), await world.join(service)
        await asyncio.gather(sagas.register(sending), sagas.register(booking))
        await scarce.exhaust()
        before, began_at = scarce.attempts(), time.monotonic()

        waiting = await sagas.start(booking)
        handles = await asyncio.gather(*(sagas.start(sending) for _ in range(SAGAS)))
        assert [(await handle.result(30)).value for handle in handles] == ["sent"] * SAGAS
        assert not (await sagas.snapshot(waiting.id)).state.phase.is_terminal
        seconds = time.monotonic() - began_at
        assert scarce.attempts() - before <= 4 * (4 + seconds)  # four pools

        await scarce.free()
        assert (await waiting.result(30)).value == 1
        handles = await asyncio.gather(*(sagas.start(booking) for _ in range(SAGAS)))
        assert [(await handle.result(30)).value for handle in handles] == [1] * SAGAS
        await world.verify()


async def test_a_process_that_has_lost_all_sessions_and_gets_none_comes_back(
    scarce: Scarce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "CONNECT_TIMEOUT_SECONDS", 0.5)
    service, sending, _ = shop(scarce.url)
    async with World(scarce.url) as world:
        sagas = await world.join(service)
        await sagas.register(sending)
        await scarce.limit(0)
        await scarce.sql.fetch(END_OURS, ROLE)
        await until(lambda: sagas.process.heartbeat.trouble, "it cannot join again")
        assert "too many connections for role" in str(sagas.process.heartbeat.trouble)

        await scarce.limit(-1)
        await until(lambda: not sagas.process.heartbeat.trouble, "it has joined again")
        assert (await (await sagas.start(sending)).result(30)).value == "sent"


async def test_a_role_with_two_connections_is_enough(scarce: Scarce) -> None:
    await scarce.limit(2)
    service, sending, _ = shop(scarce.url)
    async with World(scarce.url) as world:
        sagas = await world.join(service)
        await sagas.register(sending)
        handles = await asyncio.gather(*(sagas.start(sending) for _ in range(SAGAS)))
        assert [(await handle.result(30)).value for handle in handles] == ["sent"] * SAGAS
        assert await scarce.ours() <= 2


async def test_a_statement_waits_until_the_server_gives_a_connection(scarce: Scarce) -> None:
    await scarce.limit(0)
    pool = Pool(scarce.url, "saga", connections_max=2, application="test")
    before = scarce.attempts()
    waiting = asyncio.create_task(pool.fetch(PID))
    await until(lambda: scarce.attempts() - before >= 2, "it has asked twice")
    assert scarce.attempts() - before == 2
    await scarce.limit(-1)
    async with asyncio.timeout(10):
        await waiting
    await pool.close()


async def test_a_session_of_the_pool_takes_the_place_of_one_that_is_refused(scarce: Scarce) -> None:
    pool = Pool(scarce.url, "saga", connections_max=2, application="test")
    ((idle,),) = await pool.fetch(PID)
    await scarce.limit(1)
    session = await pool.dedicated()
    assert session.get_server_pid() == idle

    pool.share(session)
    async with asyncio.timeout(10):
        assert await pool.fetch_slowly(PID) == [(idle,)]  # there is no other one
    session.terminate()
    await pool.close()


async def test_a_role_with_one_connection_is_told_what_it_needs(
    scarce: Scarce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "CONNECT_TIMEOUT_SECONDS", 0.2)
    await scarce.limit(1)
    async with World(scarce.url) as world:
        with pytest.raises(Unavailable, match=r"too many connections for role .* a process needs at least 2"):
            await world.join()
