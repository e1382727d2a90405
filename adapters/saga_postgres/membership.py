"""Membership on Postgres: a session that holds an advisory lock on the number of the process, listens, and sends heartbeats.

The pool lends this session in between.
"""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from collections.abc import Sequence
from typing import Final

import asyncpg

from saga.errors import LeadershipLost, Unavailable
from saga.ports.adapter import StoreOptions
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX, ClaimCost, Heartbeat, Peer, ProcessListener
from saga.ports.values.claim import CommandRef
from saga_postgres.announce.announcer import Announcer
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.hot_path.calls import HELD
from saga_postgres.statements import statements

LEAVE_TIMEOUT_SECONDS: Final = 5.0
_SQL: Final = statements("membership")
_JOIN: Final = _SQL["join"]
_ANNOUNCE: Final = _SQL["announce"]
_LEAD: Final = _SQL["lead"]
_NUMBER: Final = "select nextval('participant_id')::integer"
_LOCK: Final = _SQL["lock_number"]
_HEARTBEAT: Final = "select * from process_heartbeat($1, $2, $3, $4, $5, $6, $7, $8)"
_LEAVE: Final = "select leave($1, $2, $3)"


class PostgresMembership:
    """See `saga.ports.membership.Membership`. When the process dies, the kernel closes the connection, which ends the lock."""

    def __init__(self, pool: Pool, options: StoreOptions, announcer: Announcer, release: str) -> None:
        self._pool = pool
        self._options = options
        self._announcer = announcer
        self._inbox = announcer.inbox
        self._release = release
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._process = 0
        self._listener: ProcessListener | None = None
        self._must_listen = False  # only processes that serve or start sagas: every notification wakes all listeners
        self._listening: asyncpg.Connection[asyncpg.Record] | None = None
        self._heard: set[str] = set()  # the services whose queues this session listens to

    @property
    def lock_class(self) -> int:
        """The class of the advisory locks: namespaces share a database, but not their locks."""
        return zlib.crc32(b"saga " + self._options.namespace.encode()) >> 1

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        self._end_session()
        connection = await self._pool.dedicated()
        self._heard = set(services)
        try:
            socket_path = await self._announcer.open_socket()
            with translated(self._pool.place):
                process: int = await connection.fetchval(_NUMBER)
                while not await connection.fetchval(_LOCK, self.lock_class, process):
                    process = await connection.fetchval(_NUMBER)
                self._must_listen = self._must_listen or bool(services)
                if self._must_listen:
                    await self._listen_on(connection, process, listener)
                    await self._announcer.listen_to_services(connection, services, listener)
                await connection.execute(_JOIN, process, name, list(services), capacity, self._release, socket_path)
                await self._announcer.notify_peers(connection)
        except BaseException:
            connection.terminate()  # no process is half a member
            raise
        self._connection, self._process, self._listener = connection, process, listener
        self._inbox.attach(process, listener)
        connection.add_termination_listener(self._on_terminated)
        self._pool.share(connection)
        if self._must_listen:
            try:
                await self.listen()  # `listen` may have been called meanwhile
            except BaseException:
                self.close()
                raise
        return process

    def _on_terminated(self, connection: object) -> None:
        """Tells the listener that the session has ended, unless this process has ended it."""
        if self._listener is not None and connection is self._connection:
            self._listener.on_session_lost()

    async def listen(self) -> None:
        """Receives notifications from now on, and whenever this process joins again. Raises Unavailable."""
        self._must_listen = True
        connection, listener = self._connection, self._listener
        if connection is None or listener is None or connection is self._listening or connection.is_closed():
            return  # it listens already, or will when it joins again
        async with self._pool.turn(connection):
            if connection is not self._listening:
                await self._listen_on(connection, self._process, listener)

    async def _listen_on(self, connection: Connection, process: int, listener: ProcessListener) -> None:
        await self._announcer.listen(connection, process, listener)
        self._listening = connection

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        connection, listener = self._connection, self._listener
        if connection is None or listener is None:
            raise self._session_ended()
        await self.listen()
        async with self._pool.turn(connection):
            await self._announcer.listen_to_services(connection, sorted(set(services) - self._heard), listener)
            self._heard.update(services)
            await connection.execute(_ANNOUNCE, self._process, list(services), capacity)
            await self._announcer.notify_peers(connection)

    async def heartbeat(self, in_flight: int, *, full: bool, cost: ClaimCost | None = None) -> Heartbeat:
        connection = self._session()
        claim_seconds, busy = (None, None) if cost is None else (cost.claim_seconds, cost.busy)
        async with self._pool.turn(connection):
            asked_at = time.monotonic()
            rows = await connection.fetch(
                _HEARTBEAT, self._process, self.lock_class, self._options.margin_seconds, in_flight,
                self._announcer.channel_prefix, full, claim_seconds, busy,
            )  # fmt: skip
        own = next((row for row in rows if row["id"] == self._process), None)
        if own is None:
            raise Unavailable(f"{self._pool.place}: process {self._process} was considered dead and removed")
        self._inbox.set_clock(own["now"], asked_at)
        self._announcer.connect_peers({row["id"]: row["socket_path"] for row in rows if row["id"] != self._process})
        if self._inbox.may_have_missed:
            await self._recover_claims(connection)
        return Heartbeat(
            tuple(map(_peer, rows)), own["has_due"], self._inbox.store_clock, own["leader_seen_ago"], own["released"]
        )

    async def _recover_claims(self, connection: Connection) -> None:
        """Reports all claims of this process to the listener, in case a notification of one was missed."""
        self._inbox.may_have_missed = False
        async with self._pool.turn(connection):
            held = await connection.fetch(HELD, self._process)
        if self._listener is not None:
            self._listener.on_claim_refs([CommandRef(saga, step) for saga, step in held])

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        connection = self._session()
        async with self._pool.turn(connection):
            rows = await connection.fetch(_LEAD, term, name, LEADER_SILENCE_SECONDS_MAX, silence_seconds_max)
        silent_seconds, seen = rows[0]
        if seen is None:
            raise LeadershipLost(f"{self._pool.place}: a leader of a later term than {term} was seen")
        return float(silent_seconds)

    async def leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        margin_seconds, channel_prefix = self._options.margin_seconds, self._announcer.channel_prefix
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_SECONDS), self._pool.turn(connection):
                await connection.execute(_LEAVE, self._process, margin_seconds, channel_prefix)
        finally:
            self._pool.unshare(connection)
            connection.terminate()

    def close(self) -> None:
        """Ends the session without leaving: from now on this process counts as dead."""
        self._announcer.socket.close()
        self._end_session()

    def _end_session(self) -> None:
        """A process that joins again gets a new number; its old session ends, so that peers see the old number as dead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.unshare(connection)
            connection.terminate()

    def _session(self) -> asyncpg.Connection[asyncpg.Record]:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise self._session_ended()
        return connection

    def _session_ended(self) -> Unavailable:
        return Unavailable(f"{self._pool.place}: the session of this process has ended")


def _peer(row: asyncpg.Record) -> Peer:
    cost = None if row["claim_seconds"] is None or row["busy"] is None else ClaimCost(row["claim_seconds"], row["busy"])
    services = frozenset(row["services"])
    return Peer(row["id"], row["name"], services, row["capacity"], row["in_flight"], row["seen_ago"], cost)
