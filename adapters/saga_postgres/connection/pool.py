"""The framework's own connections to one Postgres, in the schema of one namespace.

Deliberate: a pool beside asyncpg's, which shields, wraps and times every use: that was a quarter of the work of a participant for a step.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from saga.errors import Closed, Unavailable, UsageError
from saga_postgres.connection.failures import translate, translated

CONNECT_TIMEOUT_SECONDS: Final = 10.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
CANCEL_SECONDS: Final = 1.0
KEEPALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
NO_TUNING: Final[Mapping[str, str]] = MappingProxyType({})
HOT: Final[Mapping[str, str]] = MappingProxyType({"plan_cache_mode": "force_generic_plan"})
"""Generic plans for the framework's few statements: planning them at each call took half of a commit."""
_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")

Connection = Any  # asyncpg.Connection, or a pool's proxy of one, which has the same methods but no common type
Row = Any  # a driver's record: read by position or by name


def checked_namespace(namespace: str) -> str:
    """The namespace, if it can be the name of a schema and a part of channel names. Raises UsageError."""
    if not _NAMESPACE.fullmatch(namespace):
        raise UsageError(f"namespace {namespace!r}: use 1 to 20 characters of a-z, 0-9 and _, beginning with a letter")
    return namespace


def place_of(url: str) -> str:
    """The database of a URL, for messages: no user, password or parameters."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    return f"postgres at {host}:{parts.port or 5432}/{parts.path.lstrip('/')}"


class Pool:
    """Opens connections when they are needed and reuses the last one used first. Their search path begins with the namespace's schema.

    A connection is discarded after any error that is not an answer of the server: its state is unknown.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        connections_max: int,
        application: str,
        tuning: Mapping[str, str] = NO_TUNING,
    ) -> None:
        self.url = url
        self.place = place_of(url)
        self.namespace = checked_namespace(namespace)
        self._connections_max = connections_max
        self._application = application
        self._tuning = {"search_path": f"{self.namespace},public", **tuning}
        self._idle: list[asyncpg.Connection[asyncpg.Record]] = []
        self._used: set[asyncpg.Connection[asyncpg.Record]] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_open = False

    async def open(self) -> None:
        """Opens the first connection. Raises Unavailable or AccessRefused."""
        if not self._is_open:
            self._is_open = True
            try:
                with translated(self.place):
                    self._release(await self._acquire())
            except BaseException:
                self._is_open = False
                raise

    async def fetch(self, query: str, *arguments: object) -> list[Row]:
        """Runs one statement. Raises errors of Saga, see `failures`."""
        try:
            connection = self._pop_idle() or await self._acquire()
            try:
                rows: list[Row] = await connection.fetch(query, *arguments)
            except BaseException as error:
                await self._release_after(connection, error)
                raise
        except Exception as error:
            translate(error, self.place)
            raise
        self._release(connection)
        return rows

    async def fetch_within(self, connection: Connection, query: str, *arguments: object) -> list[Row]:
        """Runs one statement in the transaction of a caller's connection. Raises errors of Saga, see `failures`."""
        try:
            rows: list[Row] = await connection.fetch(query, *arguments)
        except Exception as error:
            translate(error, self.place)
            raise
        return rows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for several statements. Raises errors of Saga, see `failures`."""
        with translated(self.place):
            connection = self._pop_idle() or await self._acquire()
            try:
                yield connection
            except BaseException as error:
                await self._release_after(connection, error)
                raise
            self._release(connection)

    async def dedicated(self, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
        """A connection outside the pool, for session locks and LISTEN."""
        with translated(self.place):
            return await self._connect(**settings)

    async def close(self) -> None:
        """Terminate all connections."""
        self._is_open = False
        for connection in (*self._idle, *self._used):
            connection.terminate()
        self._idle.clear()
        self._used.clear()
        self._wake(len(self._waiting))

    def _pop_idle(self) -> asyncpg.Connection[asyncpg.Record] | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                self._used.add(connection)
                return connection
        return None

    async def _acquire(self) -> asyncpg.Connection[asyncpg.Record]:
        give_up_at = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_SECONDS
        while True:
            if not self._is_open:
                raise Closed(f"{self.place} is closed")
            connection = self._pop_idle()
            if connection is not None:
                return connection
            if len(self._used) + self._opening < self._connections_max:
                return await self._open_one()
            await self._wait_for_free(give_up_at)

    async def _open_one(self) -> asyncpg.Connection[asyncpg.Record]:
        self._opening += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._wake(1)  # another waiter may succeed
            raise
        finally:
            self._opening -= 1
        if not self._is_open:
            connection.terminate()
            raise Closed(f"{self.place} is closed")
        self._used.add(connection)
        return connection

    async def _connect(self, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(
            self.url,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings={
                "application_name": self._application,
                "jit": "off",
                **KEEPALIVE,
                **self._tuning,
                **settings,
            },
        )

    async def _wait_for_free(self, give_up_at: float) -> None:
        loop = asyncio.get_running_loop()
        freed: asyncio.Future[None] = loop.create_future()
        self._waiting.append(freed)
        try:
            async with asyncio.timeout_at(give_up_at):
                await freed
        except BaseException as error:
            if freed.done() and not freed.cancelled():
                self._wake(1)  # a connection is free, and this waiter will not take it
            elif freed in self._waiting:
                self._waiting.remove(freed)
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"{self.place}: all {self._connections_max} connections are in use (setting: connections)"
                ) from None
            raise

    async def _release_after(self, connection: asyncpg.Connection[asyncpg.Record], error: BaseException) -> None:
        """Keeps a connection only if the server answered and no transaction is open.

        A statement that is cancelled here is cancelled in the server, too: one that waits for a lock would otherwise run much later.
        """
        is_answer = isinstance(error, asyncpg.PostgresError) and not connection.is_closed()
        try:
            if isinstance(error, asyncio.CancelledError):
                with suppress(Exception):  # then the connection is lost, and the outcome of the statement unknown
                    async with asyncio.timeout(CANCEL_SECONDS):
                        await connection.close()
            elif not is_answer or connection.is_in_transaction():
                connection.terminate()
        finally:
            self._release(connection)

    def _release(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._used.discard(connection)
        if not connection.is_closed():
            self._idle.append(connection)
        if self._waiting:
            self._wake(1)

    def _wake(self, count: int) -> None:
        while self._waiting and count:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
                count -= 1
