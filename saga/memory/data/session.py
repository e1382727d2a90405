"""The connection of one adapter to a memory store: every call yields to the event loop first, and is refused once it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from saga.errors import Closed, UsageError
from saga.memory.data.database import Database
from saga.memory.data.transaction import Transaction
from saga.ports.values.caller_transaction import not_a_transaction


class Session:
    """A call that is cancelled while it enters has done nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_closed = False

    async def enter(self) -> None:
        if self.is_closed:
            raise Closed("this store is closed")
        await asyncio.sleep(0)

    @asynccontextmanager
    async def using(self, connection: Transaction | None) -> AsyncIterator[Transaction]:
        """The caller's transaction, which the caller ends; or a new one."""
        await self.enter()
        if connection is not None:
            yield connection
            return
        async with self._database.transaction() as transaction:
            yield transaction

    def check(self, connection: object) -> None:
        """Raises UsageError if a caller's `tx` is not an open transaction of this store."""
        if not isinstance(connection, Transaction):
            raise not_a_transaction(connection, "a transaction of the memory store: `ctx.sql` of a transactional step")
        if not connection.is_of(self._database.locks):
            raise UsageError("tx is a transaction of another memory:// database than the store's")
        if not connection.is_in_transaction():
            raise UsageError("tx is a transaction that has ended")
