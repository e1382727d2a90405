"""The framework's own connections to one Postgres, in the schema of one namespace.

A pool of our own: asyncpg's shields, wraps and times every use, which was a quarter of what a participant does for a step.
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

from saga.errors import Unavailable, UsageError
from saga_postgres.connection.failures import translate, translated

CONNECT_TIMEOUT_SECONDS: Final = 10.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
CANCEL_SECONDS: Final = 1.0
KEEPALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
NO_TUNING: Final[Mapping[str, str]] = MappingProxyType({})
HOT: Final[Mapping[str, str]] = MappingProxyType({"plan_cache_mode": "force_generic_plan"})
"""For our own few statements: planning them once, and never again, is half of a commit."""
_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")

Connection = Any  # asyncpg.Connection or a pool's proxy of one: the same methods, no common type
Row = Any  # a driver's record: read by position or by name


def checked_namespace(namespace: str) -> str:
    """A namespace is a schema's name and part of channel names."""
    if not _NAMESPACE.fullmatch(namespace):
        raise UsageError(f"namespace {namespace!r}: use 1 to 20 of a-z, 0-9 and _, beginning with a letter")
    return namespace


def place_of(url: str) -> str:
    """A URL for people: without user, password and parameters."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    return f"postgres at {host}:{parts.port or 5432}/{parts.path.lstrip('/')}"


class Pool:
    """Connections that are made when they are needed; the one used last is used first. They see the namespace's schema first.

    A connection on which anything but an answer of the server was raised is thrown away: what it was doing is unknown.
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
        self._being_made = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_open = False

    async def open(self) -> None:
        """Make the first connection. Raises Unavailable or AccessRefused."""
        if not self._is_open:
            self._is_open = True
            try:
                with translated(self.place):
                    self._give(await self._take())
            except BaseException:
                self._is_open = False
                raise

    async def fetch(self, query: str, *arguments: object) -> list[Row]:
        """Run one statement; driver errors leave as Saga's."""
        try:
            connection = self._idle_one() or await self._take()
            try:
                rows: list[Row] = await connection.fetch(query, *arguments)
            except BaseException as error:
                await self._after(connection, error)
                raise
        except Exception as error:
            translate(error, self.place)
            raise
        self._give(connection)
        return rows

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, for several statements; driver errors leave as Saga's."""
        with translated(self.place):
            connection = self._idle_one() or await self._take()
            try:
                yield connection
            except BaseException as error:
                await self._after(connection, error)
                raise
            self._give(connection)

    async def dedicated(self, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of one's own, for session locks and LISTEN."""
        with translated(self.place):
            return await self._connect(**settings)

    async def close(self) -> None:
        """Break off all of them."""
        self._is_open = False
        for connection in (*self._idle, *self._used):
            connection.terminate()
        self._idle.clear()
        self._used.clear()
        self._wake(len(self._waiting))

    def _idle_one(self) -> asyncpg.Connection[asyncpg.Record] | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                self._used.add(connection)
                return connection
        return None

    async def _take(self) -> asyncpg.Connection[asyncpg.Record]:
        give_up_at = asyncio.get_running_loop().time() + CONNECT_TIMEOUT_SECONDS
        while True:
            if not self._is_open:
                raise UsageError(f"{self.place} is not open (any more)")
            connection = self._idle_one()
            if connection is not None:
                return connection
            if len(self._used) + self._being_made < self._connections_max:
                return await self._make()
            await self._until_freed(give_up_at)

    async def _make(self) -> asyncpg.Connection[asyncpg.Record]:
        self._being_made += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._wake(1)  # somebody else may have more luck
            raise
        finally:
            self._being_made -= 1
        if not self._is_open:
            connection.terminate()
            raise UsageError(f"{self.place} is not open (any more)")
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

    async def _until_freed(self, give_up_at: float) -> None:
        loop = asyncio.get_running_loop()
        freed: asyncio.Future[None] = loop.create_future()
        self._waiting.append(freed)
        try:
            async with asyncio.timeout_at(give_up_at):
                await freed
        except BaseException as error:
            if freed.done() and not freed.cancelled():
                self._wake(1)  # we were told, and will not take it
            elif freed in self._waiting:
                self._waiting.remove(freed)
            if isinstance(error, TimeoutError):
                raise Unavailable(f"{self.place}: all {self._connections_max} connections are in use") from None
            raise

    async def _after(self, connection: asyncpg.Connection[asyncpg.Record], error: BaseException) -> None:
        """Keep a connection only if the server itself has answered, and no transaction was left open.

        What is cancelled here is cancelled in the server too: a statement that waits for a lock would be run when nobody expects it.
        """
        is_answer = isinstance(error, asyncpg.PostgresError) and not connection.is_closed()
        try:
            if isinstance(error, asyncio.CancelledError):
                with suppress(Exception):  # then it is broken off, and what becomes of the statement is unknown
                    async with asyncio.timeout(CANCEL_SECONDS):
                        await connection.close()
            elif not is_answer or connection.is_in_transaction():
                connection.terminate()
        finally:
            self._give(connection)

    def _give(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
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
