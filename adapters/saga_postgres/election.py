"""Leader election by the advisory lock of a session, and a row with the number of the term.

The lock ends with the session, and the session with its process. When a process dies, the kernel closes its connection;
when it is suspended or cut off, the server ends the session after SESSION_IDLE_MS of silence, and cancels a statement that
waits for longer than that. A renewal is one statement in this session, whose answer proves that the lock is still held. A
leader trusts itself for less than SESSION_IDLE_MS, counted on its own monotonic clock from the moment of *asking*. A session can
also end early (a restart of the server, an administrator, a proxy): the process that then gets the lock waits for
SESSION_IDLE_MS from the last renewal that it saw, see `LeaseWatch`. So no process leads while another one trusts itself.

Candidates use pg_try_advisory_lock: a statement that waits for the lock would hold a snapshot for a whole term, and keep
vacuum from removing dead rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Final

import asyncpg

from saga.errors import Closed, LeadershipLost, Unavailable
from saga.ports.election import Election, Leadership, LeaseWatch
from saga_postgres.announce.channels import leader_channel
from saga_postgres.announce.paced import Paced
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.statements import statements

SESSION_IDLE_MS: Final = 2000
TRUST_SECONDS: Final = 1.7  # less than SESSION_IDLE_MS, since clocks run at different speeds
ASK_TIMEOUT_SECONDS: Final = 1.5
POLL_SECONDS: Final = (0.2, 0.5)  # of a candidate; a resignation notifies it at once

_TRY: Final = "select pg_try_advisory_lock(hashtextextended($1, 0))"
_READ: Final = "select term, seen_at from leader where name = $1 and holder is not null"
_SQL: Final = statements("election")
_BEGIN: Final = _SQL["begin_term"]
_RENEW: Final = _SQL["renew"]
_RESIGN: Final = "update leader set holder = null where name = $1 and term = $2"
_UNLOCK: Final = "select pg_advisory_unlock(hashtextextended($1, 0)), pg_notify($2, '')"


class PostgresElection:
    """See `saga.ports.election.Election`. One session, held only while this process campaigns or leads."""

    def __init__(self, url: str, namespace: str, name: str = "supervisor") -> None:
        self._pool = Pool(url, namespace, connections_max=1, application=f"saga election {name}")
        # The row `supervisor` shows which supervisor was seen working, whichever election chose it
        self._row = f"{name} election"
        self._lock = f"saga.leader.{namespace}.{name}"
        self._channel = leader_channel(namespace)
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._term = 0
        self._turn = asyncio.Lock()  # a session runs one operation at a time
        self._closed = False

    async def campaign(self, candidate: str) -> Leadership:
        if self._closed:
            raise Closed("this election was closed")
        self._end_session()
        session = await self._pool.dedicated(
            idle_session_timeout=str(SESSION_IDLE_MS), statement_timeout=str(SESSION_IDLE_MS)
        )
        try:
            with translated(self._pool.place):
                await self._wait_for_turn(session)
                asked_at = time.monotonic()
                term = await session.fetchval(_BEGIN, self._row, candidate, timeout=ASK_TIMEOUT_SECONDS)
        except BaseException:
            session.terminate()  # withdraws: the lock goes with the session
            raise
        self._session, self._term = session, term
        return Leadership(term, asked_at + TRUST_SECONDS)

    async def _wait_for_turn(self, session: Connection) -> None:
        watch = LeaseWatch()
        await self._wait_for_lock(session, watch)
        await self._read(session, watch)  # the lock is held: from now on no older term can be renewed
        while left := watch.left_seconds(time.monotonic()):
            await asyncio.sleep(min(left, POLL_SECONDS[0]))
            await self._read(session, watch)

    async def _read(self, session: Connection, watch: LeaseWatch) -> None:
        row = await session.fetchrow(_READ, self._row, timeout=ASK_TIMEOUT_SECONDS)
        watch.saw(None if row is None else tuple(row), SESSION_IDLE_MS / 1000, time.monotonic())

    async def _wait_for_lock(self, session: Connection, watch: LeaseWatch) -> None:
        vacant = asyncio.Event()
        await session.add_listener(self._channel, Paced(vacant.set))
        while not await session.fetchval(_TRY, self._lock, timeout=ASK_TIMEOUT_SECONDS):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*POLL_SECONDS)):  # noqa: S311 (spreads candidates, protects nothing)
                    await vacant.wait()
            vacant.clear()
            await self._read(session, watch)

    async def renew(self, leadership: Leadership) -> Leadership:
        async with self._turn:
            session = self._held_session(leadership)
            asked_at = time.monotonic()
            try:
                with self._pool.using(session):
                    term = await session.fetchval(_RENEW, self._row, leadership.term, timeout=ASK_TIMEOUT_SECONDS)
            except Unavailable as error:
                if session.is_closed():
                    raise self._lost(leadership, "its session has ended") from error
                raise
            if term is None:
                raise self._lost(leadership, "another term is in the table")
        return Leadership(leadership.term, asked_at + TRUST_SECONDS)

    def _held_session(self, leadership: Leadership) -> asyncpg.Connection[asyncpg.Record]:
        if self._session is None or leadership.term != self._term:
            raise LeadershipLost(f"{self._pool.place}: term {leadership.term} is over")
        if self._session.is_closed():
            raise self._lost(leadership, "its session has ended")
        return self._session

    def _lost(self, leadership: Leadership, why: str) -> LeadershipLost:
        self._end_session()
        return LeadershipLost(f"{self._pool.place}: term {leadership.term} is over: {why}")

    async def resign(self, leadership: Leadership) -> None:
        async with self._turn:
            session = self._session
            if session is None or leadership.term != self._term:
                return
            try:
                with contextlib.suppress(Unavailable), translated(self._pool.place):
                    await session.execute(_RESIGN, self._row, leadership.term, timeout=ASK_TIMEOUT_SECONDS)
                    await session.execute(_UNLOCK, self._lock, self._channel, timeout=ASK_TIMEOUT_SECONDS)
            finally:
                self._end_session()

    async def close(self) -> None:
        self._closed = True
        self._end_session()

    def _end_session(self) -> None:
        session, self._session, self._term = self._session, None, 0
        if session is not None:
            session.terminate()


def open_election(url: str, namespace: str) -> Election:
    """The election for postgresql:// URLs."""
    return PostgresElection(url, namespace)
