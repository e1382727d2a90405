"""Connections for the handlers of steps: asyncpg's own pool, whose proxies are invalidated when the handler returns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from saga.errors import Closed
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import (
    COMMAND_TIMEOUT_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    KEEPALIVE,
    Connection,
    place_of,
)


class HandlerPool:
    """A lazy pool. Handlers have the search path of the role; what they SET lasts for the session, so they use SET LOCAL."""

    def __init__(self, url: str, *, connections_max: int, settings: Mapping[str, str]) -> None:
        self.place = place_of(url)
        self._url = url
        self._connections_max = connections_max
        self._settings = {**KEEPALIVE, **settings}
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def open(self) -> None:
        """Raises Unavailable or AccessRefused."""
        async with self._opening:
            if self._is_closed:
                raise Closed(f"{self.place} is closed")
            if self._pool is not None:
                return
            with translated(self.place):
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._connections_max,
                    timeout=CONNECT_TIMEOUT_SECONDS,
                    command_timeout=COMMAND_TIMEOUT_SECONDS,
                    server_settings=self._settings,
                    reset=_keep_session,
                )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction for the handler of a transactional step. See `step_transaction`."""
        if self._pool is None:
            await self.open()
        assert self._pool is not None  # noqa: S101 (it is open)
        async with step_transaction(self._pool, self.place) as connection:
            yield connection

    async def close(self) -> None:
        self._is_closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


async def _keep_session(_: Connection) -> None:
    """Deliberate: the RESET ALL of asyncpg's pool would be one more round trip per step."""


@asynccontextmanager
async def step_transaction(pool: asyncpg.Pool[asyncpg.Record], place: str) -> AsyncIterator[Connection]:
    """A transaction for the handler of a step. Errors of the handler are passed on; errors of the connection become Saga's.

    Raises:
        Unavailable: at the end: it is unknown whether the transaction was committed; the connection is discarded.
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
        with contextlib.suppress(Exception):  # the pool replaces a broken connection
            await pool.release(connection)


async def _commit(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        await transaction.commit()
    except BaseException:
        _drop(connection)
        raise


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    try:
        await transaction.rollback()
    except Exception:  # noqa: BLE001 (the transaction dies with its connection)
        _drop(connection)


def _drop(connection: Connection) -> None:
    """Ends a connection of unknown state. The error that made it so is the one to report, not that the pool has dropped it already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()
