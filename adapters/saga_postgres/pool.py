"""Connections to one Postgres, in the schema of one namespace."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from saga.errors import UsageError
from saga_postgres.failures import translated

CONNECT_TIMEOUT_SECONDS: Final = 10.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
KEEPALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
NO_TUNING: Final[Mapping[str, str]] = MappingProxyType({})
HOT: Final[Mapping[str, str]] = MappingProxyType({"plan_cache_mode": "force_generic_plan"})
"""For our own few statements: planning them once, and never again, is half of a commit."""
_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]{0,19}")

Connection = Any  # asyncpg.Connection or the pool's proxy of one: the same methods, no common type


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
    """A lazy pool. Connections that are ours see the namespace's schema first; those of handlers have the role's own search path."""

    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        connections_max: int,
        application: str,
        tuning: Mapping[str, str] = NO_TUNING,
        is_ours: bool = True,
    ) -> None:
        self.url = url
        self.place = place_of(url)
        self.namespace = checked_namespace(namespace)
        self._connections_max = connections_max
        self._application = application
        path = {"search_path": f"{self.namespace},public"} if is_ours else {}  # a handler's tables are not ours
        self._tuning = {**tuning, **path}
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    def settings(self) -> dict[str, str]:
        return {
            "application_name": self._application,
            "jit": "off",
            **KEEPALIVE,
            **self._tuning,
        }

    async def open(self) -> None:
        """Raises Unavailable or AccessRefused."""
        async with self._opening:
            if self._pool is not None:
                return
            with translated(self.place):
                self._pool = await asyncpg.create_pool(
                    self.url,
                    min_size=1,
                    max_size=self._connections_max,
                    timeout=CONNECT_TIMEOUT_SECONDS,
                    command_timeout=COMMAND_TIMEOUT_SECONDS,
                    server_settings=self.settings(),
                    reset=_keep_session,
                )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool; driver errors leave as Saga's."""
        if self._pool is None:
            raise UsageError(f"{self.place} is not open (any more)")
        with translated(self.place):
            async with self._pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS) as connection:
                yield connection

    @asynccontextmanager
    async def step_transaction(self) -> AsyncIterator[Connection]:
        """A transaction for the handler of a transactional step."""
        if self._pool is None:
            raise UsageError(f"{self.place} is not open (any more)")
        async with step_transaction(self._pool, self.place) as connection:
            yield connection

    async def dedicated(self, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of one's own, for session locks and LISTEN."""
        with translated(self.place):
            return await asyncpg.connect(
                self.url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings={**self.settings(), **settings},
            )

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


@asynccontextmanager
async def step_transaction(pool: asyncpg.Pool[asyncpg.Record], place: str) -> AsyncIterator[Connection]:
    """A transaction for a step's handler. What the handler raises leaves as it is; what the connection raises, as Saga's.

    Raises:
        Unavailable: at the end: it is unknown whether it was committed; the connection is thrown away.
    """
    with translated(place):
        connection = await pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        transaction = connection.transaction()
        with translated(place):
            await transaction.start()
        try:
            yield connection
        except BaseException:
            await _roll_back(connection, transaction)
            raise
        with translated(place):
            await _commit(connection, transaction)
    finally:
        with contextlib.suppress(Exception):  # a connection that broke is replaced by the pool
            await pool.release(connection)


async def _commit(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        await transaction.commit()
    except BaseException:
        connection.terminate()
        raise


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        await transaction.rollback()
    except Exception:  # noqa: BLE001 (the transaction dies with its connection)
        connection.terminate()


async def _keep_session(_: Connection) -> None:
    """Our statements leave nothing behind in a session: the pool's RESET ALL would be a round trip for nothing."""
