"""Transactions in memory: row locks and buffered changes, which are all made at the end, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from saga.core.state.saga_state import State
from saga.errors import Conflict, Unavailable
from saga.ports.inbox import InboxEvent

Value = Any  # what a step stores in a row


class Locks:
    """Exclusive locks on rows of any kind, held by a transaction until it ends."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, Transaction] = {}
        self._waits: dict[Transaction, Transaction] = {}

    def is_free(self, key: Hashable) -> bool:
        return key not in self._holders

    def is_free_for(self, transaction: Transaction, key: Hashable) -> bool:
        return self._holders.get(key, transaction) is transaction

    async def acquire(self, transaction: Transaction, key: Hashable) -> None:
        """Wait for the row. Raises Conflict if its holder waits for this transaction."""
        while not self.is_free_for(transaction, key):
            holder = self._holders[key]
            self._refuse_deadlock(transaction, holder)
            self._waits[transaction] = holder
            try:
                await holder.ended.wait()
            finally:
                del self._waits[transaction]
        self._holders[key] = transaction
        transaction.keys.append(key)

    def release(self, transaction: Transaction) -> None:
        for key in transaction.keys:
            self._holders.pop(key, None)
        transaction.keys.clear()
        transaction.ended.set()

    def _refuse_deadlock(self, transaction: Transaction, holder: Transaction) -> None:
        other: Transaction | None = holder
        while other is not None:
            other = self._waits.get(other)
            if other is transaction:
                raise Conflict("two transactions wait for each other: lock rows in one order everywhere, or retry")


class Transaction:
    """Buffers changes, which others do not see, until the end; then makes all of them at once, or none.

    Rows that are read for an update or changed stay locked until then. A transactional step gets this object as its
    connection: its effects are rows written by `put`, or whatever it passes to `then`.
    """

    def __init__(self, locks: Locks, rows: dict[str, Value]) -> None:
        self._locks = locks
        self._rows = rows
        self._changes: list[Callable[[], None]] = []
        self._written: dict[str, Value] = {}
        # Versions and states that this transaction has written, which no other can see yet
        self.sagas: dict[UUID, tuple[int, State]] = {}
        self.start_keys: dict[tuple[str, str], tuple[UUID, bytes]] = {}
        self.events: dict[tuple[UUID, str], InboxEvent] = {}  # that were sent
        self.consumed: set[tuple[UUID, str]] = set()
        self.keys: list[Hashable] = []
        self.ended: asyncio.Event = asyncio.Event()
        self._is_aborted = False

    def __getattr__(self, name: str) -> Value:
        raise AttributeError(
            f"memory:// has no SQL and no {name!r}: use `await ctx.sql.get(key)` and `await ctx.sql.put(key, value)`, or PostgreSQL"
        )

    async def get(self, key: str) -> Value:
        """Lock a row and read it; None if it does not exist."""
        await self.lock(("row", key))
        return self._written.get(key, self._rows.get(key))

    async def put(self, key: str, value: Value) -> None:
        """Writes a row; None deletes it."""
        await self.lock(("row", key))
        self._written[key] = value

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A savepoint: an exception that leaves the block rolls back what it did, and is passed on. Locks are kept."""
        marks = len(self._changes), dict(self._written), dict(self.sagas), dict(self.start_keys)
        events = dict(self.events), set(self.consumed)
        try:
            yield
        except BaseException:
            length, self._written, self.sagas, self.start_keys = marks
            self.events, self.consumed = events
            del self._changes[length:]
            raise

    def is_in_transaction(self) -> bool:
        """True until the transaction ends."""
        return not self.ended.is_set()

    def is_of(self, locks: Locks) -> bool:
        """Tells whether this is a transaction of the database with these locks."""
        return self._locks is locks

    def then(self, change: Callable[[], None]) -> None:
        """Makes this change at the end. It must neither fail nor wait: everything that can go wrong is checked before."""
        self._changes.append(change)

    async def lock(self, key: Hashable) -> None:
        self._check()
        await self._locks.acquire(self, key)

    def is_locked_elsewhere(self, key: Hashable) -> bool:
        return not self._locks.is_free_for(self, key)

    def commit(self) -> None:
        self._check()
        for change in self._changes:
            change()
        for key, value in self._written.items():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value
        self.roll_back()

    def abort(self) -> None:
        """Rolls back because the connection is lost. Further calls raise Unavailable."""
        self._is_aborted = True
        self.roll_back()

    def _check(self) -> None:
        if self._is_aborted:
            raise Unavailable("the connection is lost, and its transaction with it")

    def roll_back(self) -> None:
        """Discard what was not committed, and release the locks."""
        self._changes.clear()
        self._written.clear()
        self._locks.release(self)
