"""Unwraps the transaction that a caller passes to `start(tx=...)`, down to the connection of the driver."""

from __future__ import annotations

import sys
from typing import Any

from saga.ports.store import Connection
from saga.ports.values.caller_transaction import CallerTransaction
from saga.runtime.handlers.context import GuardedConnection


async def driver_connection(tx: CallerTransaction) -> Connection:
    """Returns the driver's connection below `ctx.sql` and SQLAlchemy's classes. Other objects are returned as they are.

    SQLAlchemy sends BEGIN with the first statement of a transaction, so one is executed here if none has been.
    """
    if isinstance(tx, GuardedConnection):
        return tx.unguarded()
    alchemy: Any = sys.modules.get("sqlalchemy.ext.asyncio")  # otherwise `tx` cannot be SQLAlchemy's
    if alchemy is None:
        return tx
    found: Any = tx() if isinstance(tx, alchemy.async_scoped_session) else tx
    if isinstance(found, alchemy.AsyncSession):
        found = await found.connection()
    if not isinstance(found, alchemy.AsyncConnection):
        return found
    connection = (await found.get_raw_connection()).driver_connection
    if hasattr(connection, "is_in_transaction") and not connection.is_in_transaction():
        await found.exec_driver_sql("select 1")
    return connection
