"""The journal of a service in memory: an effect and its journal row are one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from saga.errors import NotFound
from saga.memory.data.transaction import Locks, Transaction
from saga.ports.journal import JournalRow, JournalTransaction, Mark


class ServiceDatabase:
    """The rows and the journal that the processes of one service share."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}  # the effects of its steps
        self.journal: dict[tuple[UUID, int], JournalRow] = {}
        self.locks: Locks = Locks()


class MemoryJournal:
    """See `saga.ports.journal.Journal`."""

    def __init__(self, database: ServiceDatabase) -> None:
        self._database = database

    async def open(self) -> None:
        """Does nothing, and cannot fail."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JournalTransaction]:
        transaction = Transaction(self._database.locks, self._database.rows)
        try:
            yield MemoryJournalTransaction(self._database, transaction)
        except BaseException:
            transaction.roll_back()
            raise
        transaction.commit()

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        found = {saga for saga, _ in self._database.journal if saga.int > after.int}
        return sorted(found, key=lambda saga: saga.int)[:limit]

    async def purge(self, sagas: list[UUID]) -> int:
        wanted = set(sagas)
        purged = [key for key in self._database.journal if key[0] in wanted]
        for key in purged:
            del self._database.journal[key]
        return len(purged)

    async def close(self) -> None:
        """Does nothing: there is no connection."""


class MemoryJournalTransaction:
    """See `saga.ports.journal.JournalTransaction`. `connection` is a `Transaction`: its rows are the effects."""

    def __init__(self, database: ServiceDatabase, transaction: Transaction) -> None:
        self._database = database
        self._own: dict[tuple[UUID, int], JournalRow] = {}
        self._forgotten: set[tuple[UUID, int]] = set()
        self._transaction = transaction
        self.connection: Any = transaction

    async def find(self, saga: UUID, step: int) -> JournalRow | None:
        key = (saga, step)
        if key in self._database.journal:
            await self._transaction.lock(key)
        return self._own.get(key) or (None if key in self._forgotten else self._database.journal.get(key))

    async def write(self, saga: UUID, step: int, row: JournalRow) -> bool:
        key = (saga, step)
        await self._transaction.lock(key)
        if key in self._own or (key in self._database.journal and key not in self._forgotten):
            return False
        self._set(key, row)
        return True

    async def mark(self, saga: UUID, step: int, mark: Mark) -> None:
        row = await self.find(saga, step)
        if row is None:
            raise NotFound(f"the journal has no row for step {step} of saga {saga}")
        self._set((saga, step), replace(row, mark=mark))

    async def forget(self, saga: UUID, step: int) -> None:
        key = (saga, step)
        await self._transaction.lock(key)
        self._own.pop(key, None)
        self._forgotten.add(key)
        self._transaction.then(lambda: self._remove(key))

    def _remove(self, key: tuple[UUID, int]) -> None:
        self._database.journal.pop(key, None)

    def _set(self, key: tuple[UUID, int], row: JournalRow) -> None:
        self._own[key] = row
        self._transaction.then(lambda: self._database.journal.__setitem__(key, row))
