"""A journaled service's own Postgres: its connections and its journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg

from saga.ports.journal import Journal, JournalRow, Mark
from saga_postgres.connection.failures import translated
from saga_postgres.connection.handler_pool import step_transaction
from saga_postgres.connection.pool import CONNECT_TIMEOUT_SECONDS, KEEPALIVE, Connection, place_of
from saga_postgres.journal.table import ensure_journal
from saga_postgres.statements import statements

_FIND: Final = "select state, result, reason from saga_journal where saga = $1 and step = $2 for no key update"
_SQL: Final = statements("journal")
_WRITE: Final = _SQL["write"]
_MARK: Final = "update saga_journal set state = $3, at = now() where saga = $1 and step = $2"
_FORGET: Final = "delete from saga_journal where saga = $1 and step = $2"
_SAGAS: Final = "select distinct saga from saga_journal where saga > $1 order by saga limit $2"
_PURGE: Final = "delete from saga_journal where saga = any ($1)"


class _Transaction:
    """See `saga.ports.journal.JournalTransaction`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def find(self, saga: UUID, step: int) -> JournalRow | None:
        row = await self.connection.fetchrow(_FIND, saga, step)
        return None if row is None else JournalRow(Mark(row["state"].decode()), row["result"], row["reason"])

    async def write(self, saga: UUID, step: int, row: JournalRow) -> bool:
        status: str = await self.connection.execute(_WRITE, saga, step, row.mark.value.encode(), row.result, row.reason)
        return status.endswith(" 1")

    async def mark(self, saga: UUID, step: int, mark: Mark) -> None:
        await self.connection.execute(_MARK, saga, step, mark.value.encode())

    async def forget(self, saga: UUID, step: int) -> None:
        await self.connection.execute(_FORGET, saga, step)


class PostgresJournal:
    """See `saga.ports.journal.Journal`. A role without the right to CREATE needs the table to exist."""

    def __init__(self, url: str, *, connections_max: int, application: str) -> None:
        self.place = place_of(url)
        self._url = url
        self._connections_max = connections_max
        self._application = application
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        with translated(self.place):
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._connections_max,
                timeout=CONNECT_TIMEOUT_SECONDS,
                server_settings={"application_name": self._application, **KEEPALIVE},
                reset=_keep_session,
            )
            async with self._pool.acquire() as connection:
                await ensure_journal(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        assert self._pool is not None  # noqa: S101 (opened before the service runs)
        async with step_transaction(self._pool, self.place) as connection:
            yield _Transaction(connection)

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        assert self._pool is not None  # noqa: S101
        with translated(self.place):
            rows = await self._pool.fetch(_SAGAS, after, limit)
        return [row["saga"] for row in rows]

    async def purge(self, sagas: list[UUID]) -> int:
        assert self._pool is not None  # noqa: S101
        with translated(self.place):
            status = await self._pool.execute(_PURGE, sagas)
        return int(status.split()[-1])

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


async def _keep_session(_: Connection) -> None:
    """A step leaves nothing in the session except what it SETs: handlers use SET LOCAL."""


def open_journal(url: str, connections_max: int, application: str) -> Journal:
    """The journal for postgresql:// URLs."""
    return PostgresJournal(url, connections_max=connections_max, application=application)
