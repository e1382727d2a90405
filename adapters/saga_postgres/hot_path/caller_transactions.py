"""The transactions of callers in which sagas are started: `start(tx=...)`."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar
from weakref import WeakSet

import asyncpg

from saga.errors import AccessRefused, UsageError
from saga.ports.values.caller_transaction import not_a_transaction
from saga_postgres.connection.failures import translate
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.connection.same_database import shares_database
from saga_postgres.rows import Row

TAKES: Final = (
    "an asyncpg connection in a transaction, or SQLAlchemy's AsyncSession or AsyncConnection on asyncpg. With another driver, and in sync "
    "code, commit first, and then start the saga with a key from your own row"
)
Result = TypeVar("Result")
_METHODS: Final = ("fetch", "fetchval", "is_closed", "is_in_transaction")


class CallerTransactions:
    """Lets a saga start in a caller's transaction, if that is a transaction of the store's database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: WeakSet[Connection] = WeakSet()  # seen in this database: asked once

    async def check(self, connection: Connection) -> None:
        """Returns if a saga can be started on this connection. Only the first call for a connection runs statements.

        Raises:
            UsageError: it is not a connection in a transaction, or not to the store's database.
        """
        if not all(hasattr(connection, method) for method in _METHODS):
            raise not_a_transaction(connection, TAKES)
        if connection.is_closed():
            raise UsageError("tx is a connection that is closed")
        if not connection.is_in_transaction():
            raise UsageError(
                "tx is a connection without a transaction: the saga would start whatever becomes of your own writes. "
                "Begin one first: async with connection.transaction()"
            )
        session: Connection = getattr(connection, "_con", connection)  # below the proxy that pools make for each use
        if session in self._known:
            return
        if not await shares_database(self._pool, lambda query, key: self._run(connection.fetchval(query, key))):
            raise UsageError(
                f"tx is a connection to another database than the store's ({self._pool.place}), so one transaction cannot hold both: "
                "commit first, and then start the saga with a key from your own row"
            )
        self._known.add(session)

    async def fetch(self, connection: Connection, query: str, *arguments: object) -> Sequence[Row]:
        """Runs a statement in the caller's transaction. Raises errors of Saga."""
        rows: Sequence[Row] = await self._run(connection.fetch(query, *arguments))
        return rows

    async def _run(self, statement: Awaitable[Result]) -> Result:
        try:
            return await statement
        except asyncpg.InFailedSQLTransactionError as error:
            raise UsageError("the transaction of tx has failed before: roll it back, and begin another one") from error
        except asyncpg.ReadOnlySQLTransactionError as error:
            raise UsageError("the transaction of tx is read-only: begin one that writes") from error
        except asyncpg.InsufficientPrivilegeError as error:
            raise AccessRefused(
                f"the role of the connection tx lacks the rights of a participant ({error}): saga migrate --role NAME grants them"
            ) from error
        except asyncpg.InterfaceError as error:
            if isinstance(error, ValueError):
                translate(error, self._pool.place)
            raise UsageError(f"the connection tx cannot run a statement now: {error}") from error
        except Exception as error:
            translate(error, self._pool.place)
            raise
