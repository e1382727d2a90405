"""Being alive on Postgres: a session that holds an advisory lock on the process's number, listens, and beats."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Final

import asyncpg

from saga.errors import LeadershipLost, ProtocolViolation, Unavailable
from saga.ports.adapter import StoreOptions
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX, Heartbeat, Peer, ProcessListener
from saga.ports.values.claim import Claim, CommandRef
from saga_postgres.announce import notify
from saga_postgres.announce.announcer import said_in
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.local_socket import LocalSocket
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.statements import statements

LEAVE_TIMEOUT_SECONDS: Final = 5.0
CLOCK_SECONDS_MAX: Final = 3.0  # so long a beat tells the time of the store
_SQL: Final = statements("membership")
_JOIN: Final = _SQL["join"]
_ANNOUNCE: Final = _SQL["announce"]
_LEAD: Final = _SQL["lead"]
_BEAT: Final = "select * from heartbeat($1, $2, $3, $4, $5, $6)"
_HELD: Final = "select saga, step from command where owner = $1"

_log = logging.getLogger(__name__)


class PostgresMembership:
    """See `saga.ports.store.Membership`. The lock is the session's: when the process dies, the kernel closes the socket and frees it."""

    def __init__(self, pool: Pool, options: StoreOptions, seal: MessageCipher, line: LocalSocket, release: str) -> None:
        self._pool = pool
        self._options = options
        self._seal = seal
        self._line = line
        self._release = release
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._process = 0
        self._listener: ProcessListener | None = None
        self._hears = False  # who neither serves nor starts sagas does not: every notification wakes all who listen
        self._peers: frozenset[int] = frozenset()
        self._is_unsure = False  # something may have been told to us that we have not heard
        self._listening: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()  # one operation a connection
        self._clock = self._clock_max = 0.0  # between them is the store's clock minus ours, as the last beat saw it
        self._clock_at = -math.inf

    @property
    def lock_class(self) -> int:
        """Namespaces share a database, but not their locks."""
        return zlib.crc32(b"saga " + self._options.namespace.encode()) >> 1

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        self._end_session()
        connection = await self._pool.dedicated()
        try:
            door = await self._line.open(self._on_line) if self._options.local_socket else None
            with translated(self._pool.place):
                process: int = await connection.fetchval("select nextval('participant_id')::integer")
                await connection.execute("select pg_advisory_lock($1, $2)", self.lock_class, process)
                self._hears = self._hears or bool(services)
                if self._hears:
                    await self._listen(connection, process, listener)
                    await self._listen_to_services(connection, services, listener)
                await connection.execute(_JOIN, process, name, list(services), capacity, self._release, door)
                await connection.execute("select pg_notify($1, '')", f"{notify.prefix(self._options.namespace)}peers")
        except BaseException:
            connection.terminate()  # half a member is none
            raise
        self._connection, self._process, self._listener = connection, process, listener
        connection.add_termination_listener(self._on_end)
        if self._hears:
            try:
                await self.hear()  # it may have been asked for meanwhile
            except BaseException:
                self.close()  # half a member is none
                raise
        return process

    def _on_end(self, connection: object) -> None:
        """The session has ended. Who has ended it himself is not told."""
        if self._listener is not None and connection is self._connection:
            self._listener.on_session_lost()

    async def hear(self) -> None:
        """Listen from now on, and after joining again. Raises Unavailable."""
        self._hears = True
        connection, listener = self._connection, self._listener
        if connection is None or listener is None or connection is self._listening or connection.is_closed():
            return  # it listens, or joining again will
        async with self._turn:
            if connection is not self._listening:
                with translated(self._pool.place):
                    await self._listen(connection, self._process, listener)

    async def _listen(self, connection: Connection, process: int, listener: ProcessListener) -> None:
        namespace = self._options.namespace

        def on_process(_: object, __: int, channel: str, payload: str) -> None:
            try:
                self._hear(listener, channel, payload)
            except ProtocolViolation as error:  # who may connect to the database may notify
                _log.warning("notification refused: %s", error)
                self._is_unsure = True

        await connection.add_listener(notify.process_channel(namespace, process), on_process)
        await connection.add_listener(f"{notify.prefix(namespace)}peers", lambda *_: listener.on_peers_changed())
        self._listening = connection

    def _hear(self, listener: ProcessListener, channel: str, payload: str) -> None:
        match payload[:1]:
            case notify.WORKS:
                clocks = self._clock, self._clock_max
                self._hear_works(listener, notify.works_in(payload, channel, self._seal, *clocks))
            case notify.CLAIMS:
                listener.on_claim_refs(notify.claims_in(payload))
            case notify.ENDINGS:
                listener.on_ended(notify.endings_in(payload, channel, self._seal))
            case notify.ENDED:
                listener.on_ended(notify.ended_in(payload))

    def _hear_works(self, listener: ProcessListener, claims: list[Claim]) -> None:
        if time.monotonic() - self._clock_at < CLOCK_SECONDS_MAX:
            listener.on_claims(claims)
        else:  # we were away, and do not know the time of the store
            listener.on_claim_refs([CommandRef(claim.saga, claim.step) for claim in claims])

    def _on_line(self, process: int, frame: bytes) -> None:
        listener = self._listener
        if listener is None or process != self._process:
            return  # it is for whom we were before our session was lost
        try:
            said = said_in(frame)
        except ProtocolViolation as error:  # a peer of another build
            _log.warning("refused: %s", error)
            self._is_unsure = True
            return
        if said.claims:
            for claim in said.claims:
                claim.store_clock = self._clock
            self._hear_works(listener, said.claims)
        if said.claim_refs:
            listener.on_claim_refs(said.claim_refs)
        if said.statuses or said.ended:
            listener.on_ended({**said.statuses, **dict.fromkeys(said.ended)})

    async def _listen_to_services(
        self, connection: Connection, services: Sequence[str], listener: ProcessListener
    ) -> None:
        for service in services:
            channel = notify.service_channel(self._options.namespace, service)
            await connection.add_listener(channel, partial(_on_queue, listener, service))

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        connection, listener = self._connection, self._listener
        if connection is None or listener is None:
            raise Unavailable(f"{self._pool.place}: this process's session is gone")
        await self.hear()
        async with self._turn:
            with translated(self._pool.place):
                await self._listen_to_services(connection, services, listener)
                await connection.execute(_ANNOUNCE, self._process, list(services), capacity)
                await connection.execute("select pg_notify($1, '')", f"{notify.prefix(self._options.namespace)}peers")

    async def heartbeat(self, in_flight: int, *, full: bool) -> Heartbeat:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise Unavailable(f"{self._pool.place}: this process's session is gone")
        channel = notify.prefix(self._options.namespace)
        async with self._turn:
            asked_at = time.monotonic()
            with translated(self._pool.place):
                rows = await connection.fetch(
                    _BEAT, self._process, self.lock_class, self._options.margin_seconds, in_flight, channel, full
                )
        own = next((row for row in rows if row["id"] == self._process), None)
        if own is None:
            raise Unavailable(f"{self._pool.place}: process {self._process} was taken for dead")
        self._clock_at = time.monotonic()
        self._clock, self._clock_max = own["now"] - self._clock_at, own["now"] - asked_at
        if self._options.local_socket:
            self._meet(rows)
        if self._is_unsure:
            await self._look_at_held(connection)
        return Heartbeat(tuple(map(_peer, rows)), own["has_due"], self._clock, own["leader_seen_ago"], own["released"])

    def _meet(self, rows: Sequence[asyncpg.Record]) -> None:
        """The line reaches who is alive. Who is not any more may have died after a commit for us, and before telling us of it."""
        doors = {row["id"]: row["socket_path"] for row in rows if row["id"] != self._process}
        self._line.meet({process: door for process, door in doors.items() if door is not None})
        self._is_unsure = self._is_unsure or not self._peers <= doors.keys()
        self._peers = frozenset(doors)

    async def _look_at_held(self, connection: Connection) -> None:
        """Read which claims are ours, in case that we were told of one in vain."""
        self._is_unsure = False
        async with self._turn:
            with translated(self._pool.place):
                held = await connection.fetch(_HELD, self._process)
        if self._listener is not None:
            self._listener.on_claim_refs([CommandRef(saga, step) for saga, step in held])

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise Unavailable(f"{self._pool.place}: this process's session is gone")
        async with self._turn:
            with translated(self._pool.place):
                rows = await connection.fetch(_LEAD, term, name, LEADER_SILENCE_SECONDS_MAX, silence_seconds_max)
        silent_seconds, seen = rows[0]
        if seen is None:
            raise LeadershipLost(f"{self._pool.place}: somebody is seen leading in a later term than {term}")
        return float(silent_seconds)

    async def leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            async with self._turn, asyncio.timeout(LEAVE_TIMEOUT_SECONDS):
                with translated(self._pool.place):
                    await connection.execute(
                        "select leave($1, $2, $3)",
                        self._process,
                        self._options.margin_seconds,
                        notify.prefix(self._options.namespace),
                    )
        finally:
            connection.terminate()

    def close(self) -> None:
        """End the session without a word: from here on this process counts as dead."""
        self._line.close()
        self._end_session()

    def _end_session(self) -> None:
        """Who joins again is somebody else: nobody shall take the one before for alive."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _on_queue(listener: ProcessListener, service: str, *_: object) -> None:
    listener.on_queue(service)


def _peer(row: asyncpg.Record) -> Peer:
    return Peer(row["id"], row["name"], frozenset(row["services"]), row["capacity"], row["in_flight"], row["seen_ago"])
