"""A journaled service's own Postgres: its connections and its journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from saga.core.text import ascii_text
from saga.errors import Closed
from saga.ports.journal import Journal, JournalRow, Mark
from saga_postgres.connection.failures import translated
from saga_postgres.connection.handler_pool import HandlerPool
from saga_postgres.connection.pool import Row
from saga_postgres.connection.pooler import is_pooled_at
from saga_postgres.connection.session import COMMAND_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS, KEEPALIVE
from saga_postgres.connection.step_connection import LentConnection
from saga_postgres.connection.url import place_of
from saga_postgres.journal.table import ensure_journal
from saga_postgres.statements import statements

_SQL: Final = statements("journal")
_FIND: Final = "select state, result, reason from {journal} where saga = $1 and step = $2 for no key update"
_WRITE: Final = _SQL["write"]
_MARK: Final = "update {journal} set state = $3, at = now() where saga = $1 and step = $2"
_FORGET: Final = "delete from {journal} where saga = $1 and step = $2"
_SAGAS: Final = "select distinct saga from {journal} where saga > $1 order by saga limit $2"
_PURGE: Final = "delete from {journal} where saga = any ($1)"
_NAME: Final = "{journal}"

Named = Callable[[str], str]
_HOLD_EVERY_LETTER: Final = ("UTF8", "SQL_ASCII")


class _Transaction:
    """See `saga.ports.journal.JournalTransaction`. A handler may have set its own search path: the journal is called by its full name."""

    def __init__(self, connection: LentConnection, place: str, named: Named) -> None:
        self.connection = connection
        self._place = place
        self._named = named

    async def find(self, saga: UUID, step: int) -> JournalRow | None:
        rows = await self._run(_FIND, saga, step)
        return next((JournalRow(Mark(row["state"].decode()), row["result"], row["reason"]) for row in rows), None)

    async def write(self, saga: UUID, step: int, row: JournalRow) -> bool:
        reason = row.reason
        if reason is not None and self.connection.get_settings().server_encoding not in _HOLD_EVERY_LETTER:
            reason = ascii_text(reason)
        return bool(await self._run(_WRITE, saga, step, row.mark.value.encode(), row.result, reason))

    async def mark(self, saga: UUID, step: int, mark: Mark) -> None:
        await self._run(_MARK, saga, step, mark.value.encode())

    async def forget(self, saga: UUID, step: int) -> None:
        await self._run(_FORGET, saga, step)

    async def _run(self, query: str, *values: object) -> list[Row]:
        with translated(self._place):
            return await self.connection.fetch_own(self._named(query), *values)


class PostgresJournal:
    """See `saga.ports.journal.Journal`. A role without the right to CREATE needs the table to exist.

    Behind a pooler in transaction mode it works too: nothing of it outlives a transaction.
    """

    def __init__(self, url: str, *, connections_max: int, application: str) -> None:
        self.place = place_of(url)
        self._url = url
        self._connections_max = connections_max
        self._application = application
        self._pool: HandlerPool | None = None
        self._schema = ""
        self._texts: dict[str, str] = {}

    async def open(self) -> None:
        with translated(self.place):
            is_pooled = await is_pooled_at(self._url, timeout_seconds=CONNECT_TIMEOUT_SECONDS)
        settings, options = {"application_name": self._application}, dict[str, Any]()
        if is_pooled:  # it knows few settings, and not the statements that were prepared on another connection
            options["statement_cache_size"] = 0
        else:
            settings.update(KEEPALIVE)
        self._pool = HandlerPool(self._url, connections_max=self._connections_max, settings=settings, options=options)
        async with self._pool.session() as connection:
            self._schema = await ensure_journal(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_Transaction]:
        async with self._opened().transaction() as connection:
            yield _Transaction(connection, self.place, self._named)

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        async with self._opened().session() as connection, connection.transaction():
            rows = await connection.fetch(self._named(_SAGAS), after, limit, timeout=COMMAND_TIMEOUT_SECONDS)
        return [row["saga"] for row in rows]

    async def purge(self, sagas: list[UUID]) -> int:
        async with self._opened().session() as connection, connection.transaction():
            status = await connection.execute(self._named(_PURGE), sagas, timeout=COMMAND_TIMEOUT_SECONDS)
        return int(status.split()[-1])

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _opened(self) -> HandlerPool:
        if self._pool is None:
            raise Closed(f"{self.place} is closed")
        return self._pool

    def _named(self, query: str) -> str:
        """The statement with the full name of the journal."""
        if query not in self._texts:
            self._texts[query] = query.replace(_NAME, f'"{self._schema}".saga_journal')
        return self._texts[query]


def open_journal(url: str, connections_max: int, application: str) -> Journal:
    """The journal for postgresql:// URLs."""
    return PostgresJournal(url, connections_max=connections_max, application=application)
