"""A service's database that fails: at a commit, the connection breaks or the answer is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from saga.memory.data.transaction import Transaction
from saga.memory.journal import MemoryJournal
from saga.ports.journal import JournalTransaction
from saga.testing.faults.store import Session


class FaultyJournal:
    """See `saga.ports.journal.Journal`. The points of `Faults` are `journal:before` and `journal:after` a commit."""

    def __init__(self, inner: MemoryJournal, session: Session) -> None:
        self._inner = inner
        self._session = session
        self._open: dict[Transaction, None] = {}

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    def abort(self) -> None:
        """Rolls back the open transactions, as the server does."""
        for transaction in self._open:
            transaction.abort()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JournalTransaction]:
        inner = self._inner.transaction()
        transaction = await inner.__aenter__()
        connection: Transaction = transaction.connection
        self._open[connection] = None
        try:
            yield transaction
            await self._session.pass_point("journal:before")
        except BaseException as error:
            self._open.pop(connection)
            await inner.__aexit__(type(error), error, error.__traceback__)
            raise
        self._open.pop(connection)
        await inner.__aexit__(None, None, None)
        await self._session.pass_point("journal:after")

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        return await self._inner.sagas(after, limit)

    async def purge(self, sagas: list[UUID]) -> int:
        return await self._inner.purge(sagas)
